#!lua flags=allow-oom
-- Notes in the registry that a worker is alive and what it does.
-- KEYS  1 what the keys begin with that concern all queues
-- ARGV  1 how far tests moved the wall clock, in ms  2 worker  3 what it says of itself
-- Out:  nothing

local time, worker = redis.call('TIME'), ARGV[2]
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
local registry = KEYS[1] .. K_REGISTRY
local earlier = redis.call('HGET', registry, worker)
local since = earlier and struct.unpack('<i8', earlier) or now
redis.call('HSET', registry, worker, struct.pack('<i8i8', since, now) .. ARGV[3])
redis.call('ZADD', KEYS[1] .. K_REGISTRY_IDS, '0', worker)
redis.call('ZADD', KEYS[1] .. K_REGISTRY_SEEN, string.format('%.0f', now), worker)
