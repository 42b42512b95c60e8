#!lua flags=no-writes
-- Lists artifacts in order of their names, and after each the uploads of it that have not ended.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the name after which to begin, or nothing  2 how many to look at  3 at least how old, in ms
--       4 how far tests moved the wall clock, in ms
-- Out:  1 the last name that was looked at, or nothing at the end  2… names of those that are old enough

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[4])
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local names = redis.call('ZRANGEBYLEX', KEYS[1] .. K_ARTIFACTS, from, '+', 'LIMIT', 0, ARGV[2])
if not names[1] then return { '' } end
local old = { #names == tonumber(ARGV[2]) and names[#names] or '' }
for at, written in ipairs(redis.call('HMGET', KEYS[1] .. K_ARTIFACTS_AT, unpack(names))) do
  if now - tonumber(written or 0) >= tonumber(ARGV[3]) then old[#old + 1] = names[at] end
end
return old
