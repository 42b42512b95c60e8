#!lua flags=allow-oom
-- Takes workers out of the registry: one that has ended, or some that have not noted themselves for long.
-- KEYS  1 what the keys begin with that concern all queues
-- ARGV  1 how far tests moved the wall clock, in ms  2 the worker that has ended; or nothing  3 else how many at most
-- Out:  how many were forgotten

local registry, ids, seen = KEYS[1] .. K_REGISTRY, KEYS[1] .. K_REGISTRY_IDS, KEYS[1] .. K_REGISTRY_SEEN
local workers = { ARGV[2] }
if ARGV[2] == '' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
  workers = redis.call('ZRANGEBYSCORE', seen, '-inf', string.format('%.0f', now - WORKER_NOTE_KEPT), 'LIMIT', 0, ARGV[3])
end
if not workers[1] then return 0 end
redis.call('HDEL', registry, unpack(workers))
redis.call('ZREM', ids, unpack(workers))
redis.call('ZREM', seen, unpack(workers))
return #workers
