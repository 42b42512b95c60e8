-- Releases jobs of a worker that is gone.

-- In:  ARGV 1 frame  2 queue  3 worker  4 the event for its jobs: CRASH or INTERRUPT  5 the message of the failure, or an empty string
-- Out: 1 whether there are more  2 the released jobs, described
local function release(args)
  read_frame(args[1])
  begin_writes()
  local queue, worker, event, failure = args[2], args[3], tonumber(args[4]), args[5]
  -- This mark refuses its later claims.
  call('HSET', root .. K_QUEUE .. queue, 'claim:' .. worker, pack(EARLIER, 1, NOBODY, now, 0, 0, 0))
  call('ZADD', root .. K_WORKERS_SEEN .. queue, text(now), worker)
  local held, taken = root .. K_HELD .. queue .. ':' .. worker, {}
  local members = call('SPOP', held, ROWS)
  for at, job in ipairs(read_members(members)) do
    if not job or job.corrupt then
      remove_stray(queue, root .. K_RUNNING .. queue, members[at], job)
    elseif job.state == RUNNING and job.worker == worker then
      taken[#taken + 1] = lose(job, event, failure)
    end
  end
  finish()
  return { char(call('EXISTS', held)), taken }
end
