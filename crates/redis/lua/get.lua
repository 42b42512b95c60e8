#!lua flags=no-writes
-- Reads everything about jobs.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1… ids
-- Out:  for each nothing; or its record, payload and result (where these are large), progress and failures

local jobs = {}
for at, id in ipairs(ARGV) do
  local record = redis.call('GET', root .. K_RECORD .. id)
  local flags = record and #record > FLAGS_FROM and struct.unpack('<H', record, FLAGS_FROM) or 0
  local function also(flag, kind)
    return bit.band(flags, flag) ~= 0 and redis.call('GET', root .. kind .. id)
  end
  jobs[at] = record and {
    record, also(PAYLOAD_BESIDE, K_PAYLOAD), also(RESULT_BESIDE, K_RESULT), also(HAS_PROGRESS, K_PROGRESS),
    bit.band(flags, HAS_FAILURES) ~= 0 and redis.call('LRANGE', root .. K_FAILURES .. id, 0, -1) or {},
  }
end
return jobs
