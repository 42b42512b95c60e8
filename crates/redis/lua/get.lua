#!lua flags=no-writes
-- Reads everything about jobs.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1… ids
-- Out:  for each nothing, or its record, payload, result, progress (nothing where there is none), and failures

local root = KEYS[1]
local jobs = {}
for at, id in ipairs(ARGV) do
  local record, payload, result, progress = unpack(redis.call('MGET', root .. K_RECORD .. id, root .. K_PAYLOAD .. id,
    root .. K_RESULT .. id, root .. K_PROGRESS .. id))
  local flags = record and record:byte(2) or 0
  if not record then
    jobs[at] = false
  else
    local failures = {}
    if bit.band(flags, HAS_FAILURES) ~= 0 then failures = redis.call('LRANGE', root .. K_FAILURES .. id, 0, -1) end
    jobs[at] = {
      record, payload, bit.band(flags, HAS_RESULT) ~= 0 and result, bit.band(flags, HAS_PROGRESS) ~= 0 and progress, failures,
    }
  end
end
return jobs
