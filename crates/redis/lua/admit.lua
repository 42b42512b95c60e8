-- What the rules of a queue admit: `longshore_core::admit`, to which a test holds this function at random.
-- In:  the level of the rules, the newest level that whoever asks knows, until when the queue is paused (ms; 0: it is not, FAR:
--      until that is ended), now
-- Out: most jobs to hand out, what is in the way of more (NOTHING, PAUSED, UNKNOWN_RULE), when that ends by itself (ms; nil: it
--      does not)
local function admit(level, known_level, paused_until, now)
  if level > known_level then return 0, UNKNOWN_RULE, nil end
  if paused_until > now then return 0, PAUSED, paused_until < FAR and paused_until or nil end
  return FAR, NOTHING, nil
end
