-- Does an action of a person on one job.

-- In:  ARGV 1 frame  2 id  3 the action: CANCEL, RETRY_BY_HAND or DELETE
-- Out: the answer and the state; with the answer KEY_TAKEN also the id of the job that holds the unique key now
local function act(args)
  read_frame(args[1])
  begin_writes()
  local action, job = tonumber(args[3]), read_jobs({ args[2] })[1]
  if not job or job.corrupt then return pack('<BB', UNKNOWN_JOB, 0) end
  local state = job.state
  if action == DELETE then
    if state < SUCCEEDED then return pack('<BB', CANNOT, state) end
    -- Only upkeep deletes jobs, because it also deletes their artifacts. A score of 0 makes the job due for deletion at any time.
    call('ZADD', root .. K_FINAL .. job.queue, '0', job.member)
    return pack('<BB', ACTED, state)
  end
  local unique = job.labels.unique
  if action == RETRY_BY_HAND and state >= SUCCEEDED and unique then
    local other = holder(job.queue, unique, {})
    if other and other ~= job.member and state ~= SUCCEEDED then return pack('<BBc16', KEY_TAKEN, state, sub(other, 9)) end
  end
  if not transition(job, action) then return pack('<BB', CANNOT, state) end
  save(job)
  if state >= SUCCEEDED and unique then hold(job.queue, unique, job.labels.scope, job.member) end
  finish()
  if action == CANCEL and job.state == RUNNING then tell_all(TELLS_CANCELS) end
  return pack('<BB', ACTED, job.state)
end
