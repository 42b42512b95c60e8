#!lua flags=no-writes
-- Asks where events take jobs, for the test that holds `step` to the one in Rust.
-- KEYS  1 anything
-- ARGV  1… facts and an event: state, attempt, attempts allowed, crashes, interruptions, whether a cancel is asked, event, what
--       it carries
-- Out:  for each nothing; or the facts afterwards, how long it waits (-1: as before), the reason

local answers = {}
for at, case in ipairs(ARGV) do
  local state, attempt, most, crashes, interruptions, asked, event, with = struct.unpack('<BHHHI4BBi8', case)
  local to, attempt_then, crashes_then, interruptions_then, asked_then, wait, reason =
    step(state, attempt, most, crashes, interruptions, asked, event, with)
  answers[at] = to and struct.pack('<BHHI4Bi8B', to, attempt_then, crashes_then, interruptions_then, asked_then, wait or -1, reason)
end
for at = 1, #ARGV do answers[at] = answers[at] or false end
return answers
