-- Returns what the rules of a queue admit, like `longshore_core::admit`. A test compares the two with random values.
-- In:  the level of the rules, the newest level that the caller knows, the end of a pause (ms; 0: not paused, FAR: no end), now
-- Out: the maximum number of jobs to hand out, what holds more back (NOTHING, PAUSED, UNKNOWN_RULE), when that ends by itself (ms;
--      nil: it does not)
local function admit(level, known_level, paused_until, now)
  if level > known_level then return 0, UNKNOWN_RULE, nil end
  if paused_until > now then return 0, PAUSED, paused_until < FAR and paused_until or nil end
  return FAR, NOTHING, nil
end
