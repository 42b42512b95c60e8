#!lua
-- Notes that an artifact is about to be written, so that what is left of it can be found if it never is to its end.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the name of the upload: that of the artifact (id and claim), and 8 bytes  2 how far tests moved the wall clock, in ms
-- Out:  nothing

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2])
redis.call('ZADD', KEYS[1] .. K_ARTIFACTS, '0', ARGV[1])
redis.call('HSET', KEYS[1] .. K_ARTIFACTS_AT, ARGV[1], string.format('%.0f', now))
