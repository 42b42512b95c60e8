-- Extends leases and writes progress, for each job only if the token is the job's newest.

-- In:  ARGV 1 frame; then for each renewal: id, token, lease in ms, whether progress follows (c16 c16 i8 B); and the progress
-- Out: a number for each renewal, as one string
local function renew(args)
  read_frame(args[1])
  begin_writes()
  local heads, ids, answers, at = {}, {}, {}, 2
  while args[at] do
    ids[#ids + 1], heads[#heads + 1] = sub(args[at], 1, 16), at
    at = at + 1 + byte(args[at], 41)
  end
  local jobs = read_jobs(ids)
  for place, head in ipairs(heads) do
    local id, token, lease, with_progress = unpacked('<c16c16i8B', args[head])
    local job, answer = jobs[place], LOST
    if job and not job.corrupt and job.state == RUNNING and job.token == token then
      answer = job.cancel_asked == 1 and CANCEL_ASKED or HELD
      zadd(root .. K_RUNNING .. job.queue, text(min(lease_now + lease, FAR)), job.member)
      if with_progress == 1 then
        put(root .. K_PROGRESS .. id, args[head + 1])
        mark(job, HAS_PROGRESS)
        job.changes = (job.changes + 1) % 2 ^ 32
        news[#news + 1] = id
        save(job)
      end
    end
    answers[place] = char(answer)
  end
  finish()
  return concat(answers)
end
