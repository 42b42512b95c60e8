#!lua flags=no-writes
-- Asks where events take jobs, for the test that holds `step` to the one in Rust.
-- KEYS  1 anything
-- ARGV  1… facts and an event: state, attempt, crashes, interruptions, outages, whether a cancel is asked, event, what it carries
-- Out:  for each nothing; or the facts afterwards, how long it waits (-1: as before), the reason

local answers = {}
for at, case in ipairs(ARGV) do
  local facts, event, with = {}, nil, nil
  facts.state, facts.attempt, facts.crashes, facts.interruptions, facts.outages, facts.asked, event, with =
    struct.unpack('<BHHI4HBBi8', case)
  local next, wait, reason = step(facts, event, with)
  answers[at] = next and struct.pack('<BHHI4HBi8B', next.state, next.attempt, next.crashes, next.interruptions, next.outages,
    next.asked, wait or -1, reason or 0)
end
for at = 1, #ARGV do answers[at] = answers[at] or false end
return answers
