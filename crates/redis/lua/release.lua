#!lua flags=allow-oom
-- Takes a bounded number of jobs from a worker that is gone, and refuses its later claims on this queue.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 worker  4 the event that this is to its jobs  5 the failure to note, or nothing
-- Out:  bells, how many were taken, whether there are more

local queue, worker, failure = ARGV[2], ARGV[3], ARGV[5]
if failure == '' then failure = nil end
redis.call('HSET', root .. K_WORKERS .. queue, worker, pack('<Bc8i8I8I4B', 1, NOBODY, now, 0, 0, 0))
redis.call('ZADD', root .. K_WORKERS_SEEN .. queue, text(now), worker)

local held = root .. K_HELD .. queue .. ':' .. worker
local entries = redis.call('ZRANGE', held, 0, ROWS - 1)
local plan = plan_of(tonumber(ARGV[4]), nil, failure and HAS_FAILURES)
local taken = lose(queue, worker, entries, plan, failure, ROWS)
local rang = finish()
local more = redis.call('EXISTS', held)
if more == 0 then redis.call('ZREM', root .. K_LEASES .. queue, worker) end
return pack('<BI4B', rang, taken, more)
