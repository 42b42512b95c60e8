#!lua flags=no-writes
-- Asks what rules admit, for the test that holds `admit` to the one in Rust.
-- KEYS  1 anything
-- ARGV  1… what `admit` takes: two levels (H each), until when the queue is paused, now (i8 each)
-- Out:  for each: most jobs, what is in the way, when that ends by itself (-1: it does not)

local answers = {}
for at, case in ipairs(ARGV) do
  local most, why, till = admit(struct.unpack('<HHi8i8', case))
  answers[at] = struct.pack('<i8Bi8', most, why, till or -1)
end
return answers
