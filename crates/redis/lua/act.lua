#!lua flags=allow-oom
-- Does what a person asks to one job.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 id  3 what is asked: CANCEL, RETRY_BY_HAND or DELETE
-- Out:  the answer, the state; and the id of the job that holds the unique key by now, where that is the answer

local id, asked = ARGV[2], tonumber(ARGV[3])
local record = redis.call('GET', prefix .. id)
if not record or not sound(record) then return struct.pack('<BB', UNKNOWN_JOB, 0) end
local state, flags = struct.unpack('<BH', record, STATE_AT)
local queue, kind, _, at = names(record)
local member = sub(record, ORDER_FROM, ORDER_TO) .. id

if asked == DELETE then
  if state < SUCCEEDED then return struct.pack('<BB', CANNOT, state) end
  -- Upkeep deletes it, with its artifact: nobody else deletes artifacts. It does so wherever the clock is by then.
  redis.call('ZADD', root .. K_FINAL .. queue, '0', member)
  return struct.pack('<BB', ACTED, state)
end

local turn = turn_for(plan_of(asked), record)
if not turn then return struct.pack('<BB', CANNOT, state) end
if state >= SUCCEEDED then
  local unique, scope = words(flags, record, at)
  if unique then
    local other = holder(queue, unique)
    if other and other ~= member then return struct.pack('<BBc16', KEY_TAKEN, state, sub(other, 9)) end
    hold(queue, unique, scope, member)
  end
end
move(turn, id, prefix .. id, record)
local to = turn.to
-- It may never have been ready before.
if to == READY then redis.call('SADD', root .. K_KINDS .. queue, kind) end
cancels = asked == CANCEL and to == RUNNING
finish()
return struct.pack('<BB', ACTED, to)
