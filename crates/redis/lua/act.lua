-- Does what a person asks of one job.

-- In:  ARGV 1 frame  2 id  3 what is asked: CANCEL, RETRY_BY_HAND or DELETE
-- Out: the answer, the state; and the id of the job that holds the unique key by now, where that is the answer
local function act(args)
  read_frame(args[1])
  begin_writes()
  local asked, job = tonumber(args[3]), read_jobs({ args[2] })[1]
  if not job or job.corrupt then return pack('<BB', UNKNOWN_JOB, 0) end
  local state = job.state
  if asked == DELETE then
    if state < SUCCEEDED then return pack('<BB', CANNOT, state) end
    -- Upkeep deletes it, with its artifact: nobody else deletes artifacts. It does so wherever the clock is by then.
    call('ZADD', root .. K_FINAL .. job.queue, '0', job.member)
    return pack('<BB', ACTED, state)
  end
  local unique, scope = labels_in(job.flags, job.body, job.label_from)
  if asked == RETRY_BY_HAND and state >= SUCCEEDED and unique then
    local other = holder(job.queue, unique, {})
    if other and other ~= job.member and state ~= SUCCEEDED then return pack('<BBc16', KEY_TAKEN, state, sub(other, 9)) end
  end
  if not transition(job, asked) then return pack('<BB', CANNOT, state) end
  save(job)
  if state >= SUCCEEDED and unique then hold(job.queue, unique, scope, job.member) end
  finish()
  if asked == CANCEL and job.state == RUNNING then tell_all(TELLS_CANCELS) end
  return pack('<BB', ACTED, job.state)
end
