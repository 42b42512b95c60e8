-- What only tests ask: where events take jobs, and what rules admit, to hold both to the functions in Rust.

-- In:  ARGV 1… facts and an event: state, attempt, crashes, interruptions, outages, whether a cancel is asked, event, what it carries
-- Out: for each nothing; or the facts afterwards, how long it waits (-1: as before), the reason
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

-- In:  ARGV 1… what `admit` takes: two levels (H each), until when the queue is paused, now (i8 each)
-- Out: for each: most jobs, what is in the way, when that ends by itself (-1: it does not)
local function test_admit(args)
  local answers = {}
  for at, case in ipairs(args) do
    local most, why, till = admit(unpacked('<HHi8i8', case))
    answers[at] = pack('<i8Bi8', most, why, till or -1)
  end
  return answers
end
