#!lua flags=allow-oom
-- Takes a bounded number of jobs from a worker that is gone, and refuses its later claims on this queue.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 worker  4 the event that this is to its jobs  5 the failure to note, or nothing
-- Out:  1 whether there are more  2 the jobs that were taken, described

local queue, worker, crash = ARGV[2], ARGV[3], ARGV[5]
if crash == '' then crash = nil end
redis.call('HSET', root .. K_WORKERS .. queue, worker, pack('<Bc8i8I8I4B', 1, NOBODY, now, 0, 0, 0))
redis.call('ZADD', root .. K_WORKERS_SEEN .. queue, text(now), worker)

local held = root .. K_HELD .. queue .. ':' .. worker
local entries = redis.call('ZRANGE', held, 0, ROWS - 1)
local plan = plan_of(tonumber(ARGV[4]), nil, crash and HAS_FAILURES)
local taken = lose(queue, worker, entries, plan, crash, ROWS)
finish()
local more = redis.call('EXISTS', held)
if more == 0 then redis.call('ZREM', root .. K_LEASES .. queue, worker) end
return { char(more), taken }
