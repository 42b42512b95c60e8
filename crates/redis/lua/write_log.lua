#!lua flags=allow-oom
-- Replaces the log of a job's newest claim, only where the token is the job's newest; deletes the logs of earlier claims of which no
-- failure is kept.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 id  3 token  4 the number of the claim, which is the field of the log  5 the log
-- Out:  1 where it was written, else 0

local id, claim = ARGV[2], ARGV[4]
local key, logs = prefix .. id, root .. K_LOG .. id
local record = redis.call('GET', key)
if not record or byte(record, STATE_AT) ~= RUNNING or sub(record, TOKEN_FROM, TOKEN_TO) ~= ARGV[3] then
  return 0
end

local claims = redis.call('HKEYS', logs)
if #claims > 1 or claims[1] and claims[1] ~= claim then
  local kept = { [claim] = true }
  for _, failure in ipairs(redis.call('LRANGE', root .. K_FAILURES .. id, 0, -1)) do
    kept[text(struct.unpack('>I8', failure, FAILURE_CLAIM_FROM))] = true
  end
  for _, other in ipairs(claims) do
    if not kept[other] then redis.call('HDEL', logs, other) end
  end
end

redis.call('HSET', logs, claim, ARGV[5])
local low = byte(record, FLAGS_FROM)
if band(low, HAS_LOG) == 0 then redis.call('SETRANGE', key, FLAGS_FROM - 1, char(low + HAS_LOG)) end
return 1
