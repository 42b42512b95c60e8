#!lua flags=allow-oom
-- Replaces a job's log, only where the token is the job's newest.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 id  3 token  4 the log
-- Out:  1 where it was written, else 0

local id = ARGV[2]
local key = prefix .. id
local record = redis.call('GET', key)
if not record or byte(record, 1) ~= RUNNING or sub(record, TOKEN_FROM, TOKEN_TO) ~= ARGV[3] then
  return 0
end
local low = byte(record, 2)
if band(low, HAS_LOG) == 0 then
  record = sub(record, 1, 1) .. char(low + HAS_LOG) .. sub(record, 3)
end
records = { key, record, root .. K_LOG .. id, ARGV[4] }
flush()
return 1
