-- The state transitions of a job, like `longshore_core::state::step`. A test compares the two case by case.

-- Gives back the attempt that a run has used.
local function return_attempt(job)
  job.attempt = max(job.attempt - 1, 0)
end

local function interrupt(job)
  job.interruptions = job.interruptions + 1
  return_attempt(job)
end

-- The worker process crashed. Returns the next state of its job, how long the job waits, and why it is dead.
local function crash(job)
  return_attempt(job)
  job.crashes = job.crashes + 1
  if job.crashes >= CRASHES then return DEAD, nil, CRASHED end
  if job.crashes == 1 then return READY end
  return SCHEDULED, CRASH_BACKOFF
end

-- An event of a running job: the attempt has ended, its worker is gone, or a person acts. In: the event, and its value
local function step_from_running(job, event, with)
  if event == SUCCEED then return SUCCEEDED end
  if event == SETTLE_BURY or event == BURY then return DEAD, nil, with end
  if event == SETTLE_CANCEL then return CANCELLED end
  if event == CANCEL then
    job.cancel_asked = 1
    return RUNNING
  end
  if event < RETRY or event > CRASH then return nil end
  if job.cancel_asked == 1 then return CANCELLED end
  if event == RELEASE or event == INTERRUPT then
    interrupt(job)
    return READY
  end
  if event == CRASH then return crash(job) end
  if event == OUTAGE then
    job.outages = min(job.outages + 1, 65535)
    return_attempt(job)
  else
    job.outages = 0
    if event == SNOOZE then interrupt(job) end
  end
  return with > 0 and SCHEDULED or READY, with
end

local function step_from_waiting(job, event, with)
  if event == CLAIM and job.state == READY then
    job.attempt = job.attempt + 1
    return RUNNING
  end
  if event == CANCEL then return CANCELLED end
  if event == BURY then return DEAD, nil, with end
  if job.state == SCHEDULED and event == DUE then return READY end
  if job.state == SCHEDULED and event == RETRY_BY_HAND then return READY, 0 end
end

-- In:  a job (its state, attempt, crashes, interruptions, outages, and `cancel_asked`: 0 or 1), the event, and the event's value: a
--      delay in ms, or the number of a reason
-- Out: the next state, how long the job waits (ms; nil: its time does not change), the number of the reason why it is dead; nothing if
--      the event changes nothing. The other facts are changed in the job itself
local function step(job, event, with)
  if job.state == RUNNING then return step_from_running(job, event, with) end
  if job.state < RUNNING then return step_from_waiting(job, event, with) end
  if event == RETRY_BY_HAND and job.state ~= SUCCEEDED then
    job.attempt, job.crashes, job.outages, job.cancel_asked = 0, 0, 0, 0
    return READY, 0
  end
end
