#!lua flags=allow-oom
-- Replaces a job's log, only where the token is the job's newest.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 id  3 token  4 the log
-- Out:  1 where it was written, else 0

local id = ARGV[2]
local record = redis.call('GET', root .. K_RECORD .. id)
if not record or #record < AFTER_CHANGING or record:byte(1) ~= RUNNING or record:sub(TOKEN_FROM, TOKEN_TO) ~= ARGV[3] then
  return 0
end
local low = record:byte(2)
if band(low, HAS_LOG) == 0 then
  record = record:sub(1, 1) .. string.char(low + HAS_LOG) .. record:sub(3)
end
redis.call('MSET', root .. K_RECORD .. id, record, root .. K_LOG .. id, ARGV[4])
return 1
