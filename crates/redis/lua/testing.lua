-- Functions for tests only. They compare `step` and `admit` with the functions in Rust.

-- In:  ARGV 1… facts and an event: state, attempt, crashes, interruptions, outages, whether a cancel is requested, event, its value
-- Out: for each the facts afterwards, how long the job waits (-1: its time does not change), the reason; or nothing
local function test_step(args)
  local answers = {}
  for at, case in ipairs(args) do
    local job, event, with = {}, nil, nil
    job.state, job.attempt, job.crashes, job.interruptions, job.outages, job.cancel_asked, event, with = unpacked('<BHHI4HBBi8', case)
    local to, wait, reason = step(job, event, with)
    answers[at] = to and pack('<BHHI4HBi8B', to, job.attempt, job.crashes, job.interruptions, job.outages, job.cancel_asked, wait or -1,
      reason or 0) or false
  end
  return answers
end

-- In:  ARGV 1… the arguments of `admit`: two levels (H each), the end of a pause, now (i8 each)
-- Out: for each the maximum number of jobs, what holds more back, when that ends by itself (-1: it does not)
local function test_admit(args)
  local answers = {}
  for at, case in ipairs(args) do
    local most, why, till = admit(unpacked('<HHi8i8', case))
    answers[at] = pack('<i8Bi8', most, why, till or -1)
  end
  return answers
end
