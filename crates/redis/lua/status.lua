#!lua flags=no-writes
-- Reads the part of jobs that somebody who waits needs.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1… ids
-- Out:  for each nothing, or its record, progress and newest failure (nothing where there is none)

local jobs = {}
for at, id in ipairs(ARGV) do
  local record = redis.call('GET', root .. K_RECORD .. id)
  local flags = record and record:byte(FLAGS_FROM) or 0
  jobs[at] = record and {
    record,
    bit.band(flags, HAS_PROGRESS) ~= 0 and redis.call('GET', root .. K_PROGRESS .. id),
    bit.band(flags, HAS_FAILURES) ~= 0 and redis.call('LINDEX', root .. K_FAILURES .. id, -1),
  }
end
return jobs
