#!lua flags=no-writes
-- Reads a log of a job.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 id  2 the number of the claim whose log it is; nothing for the newest claim that has one
-- Out:  nothing where the job is not found; else the log, empty where there is none

local id, claim = ARGV[1], ARGV[2]
if redis.call('EXISTS', root .. K_RECORD .. id) == 0 then return false end
local logs = root .. K_LOG .. id
if claim == '' then
  for _, other in ipairs(redis.call('HKEYS', logs)) do
    if claim == '' or tonumber(other) > tonumber(claim) then claim = other end
  end
end
return redis.call('HGET', logs, claim) or ''
