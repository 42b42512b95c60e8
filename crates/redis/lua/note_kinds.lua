#!lua flags=allow-oom
-- Notes that a worker looks for jobs of these kinds.
-- KEYS  1 what the keys begin with that concern all queues
-- ARGV  1 how far tests moved the wall clock, in ms  2… kinds
-- Out:  nothing

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1]))
for at = 2, #ARGV do redis.call('HSET', KEYS[1] .. K_KINDS_SEEN, ARGV[at], now) end
