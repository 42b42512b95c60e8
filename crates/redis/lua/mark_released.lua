#!lua flags=allow-oom
-- Marks a worker as gone before its jobs are taken, so that it cannot claim from a queue that is new meanwhile.
-- KEYS  1 what the keys begin with that concern all queues
-- ARGV  1 how far tests moved the wall clock, in ms  2 worker
-- Out:  nothing

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
local released = KEYS[1] .. K_RELEASED
local old = redis.call('ZRANGEBYSCORE', released, '-inf', string.format('%.0f', now - WORKER_KEPT), 'LIMIT', 0, CHUNK)
if old[1] then redis.call('ZREM', released, unpack(old)) end
redis.call('ZADD', released, string.format('%.0f', now), ARGV[2])
