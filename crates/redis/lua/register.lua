#!lua flags=allow-oom
-- Makes queues known; each gets a number, which it keeps.
-- KEYS  1 what the keys begin with that concern all queues
-- ARGV  1… queues
-- Out:  their numbers

local queues, numbers = KEYS[1] .. K_QUEUES, {}
for at, queue in ipairs(ARGV) do
  redis.call('HSETNX', queues, queue, redis.call('HLEN', queues))
  numbers[at] = redis.call('HGET', queues, queue)
end
return numbers
