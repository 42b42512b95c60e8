#!lua flags=no-writes
-- Lists workers of the registry in the order of their ids.
-- KEYS  1 what the keys begin with that concern all queues
-- ARGV  1 the worker after which to begin, or nothing  2 how many
-- Out:  for each its id, and when it noted itself first and last (i8 each) with what it said

local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local workers = redis.call('ZRANGEBYLEX', KEYS[1] .. K_REGISTRY_IDS, from, '+', 'LIMIT', 0, ARGV[2])
if not workers[1] then return workers end
local listed = {}
for at, note in ipairs(redis.call('HMGET', KEYS[1] .. K_REGISTRY, unpack(workers))) do
  listed[#listed + 1] = workers[at]
  listed[#listed + 1] = note or ''
end
return listed
