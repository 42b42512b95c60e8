#!lua flags=allow-oom
-- Makes what was uploaded the artifact of its name. A repeat is fine.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the name of the upload  2 how many chunks there are  3 the size of the whole  4 the length of each chunk but the last
--       5 how far tests moved the wall clock, in ms
-- Out:  1; or 0 where the upload, or a part of it, is not there any more

local name, id = string.sub(ARGV[1], 1, 24), string.sub(ARGV[1], 25)
local from, to = KEYS[1] .. K_ARTIFACT .. ARGV[1], KEYS[1] .. K_ARTIFACT .. name
if not redis.call('ZSCORE', KEYS[1] .. K_ARTIFACTS, ARGV[1]) then
  local done = redis.call('TYPE', to).ok == 'hash' and redis.call('HGET', to, 'id') == id
  return done and 1 or 0
end
if redis.call('HLEN', from) ~= tonumber(ARGV[2]) then return 0 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[5])
redis.call('HSET', from, 'id', id, 'size', ARGV[3], 'chunk', ARGV[4])
redis.call('UNLINK', to) -- a rename would free what was there at once, however much that is
redis.call('RENAME', from, to)
redis.call('ZREM', KEYS[1] .. K_ARTIFACTS, ARGV[1])
redis.call('HDEL', KEYS[1] .. K_ARTIFACTS_AT, ARGV[1])
redis.call('ZADD', KEYS[1] .. K_ARTIFACTS, '0', name)
redis.call('HSET', KEYS[1] .. K_ARTIFACTS_AT, name, string.format('%.0f', now))
return 1
