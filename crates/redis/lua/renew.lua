#!lua flags=allow-oom
-- Extends leases and writes progress, each only where the token is the job's newest.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame; then for each renewal: id, token, lease in ms, whether progress comes along (c16 c16 i8 B); and the progress
-- Out:  a number a renewal, as one string

local answers, renewed, at = {}, {}, 2
local ids, heads, leases = {}, {}, {}
while ARGV[at] do
  ids[#ids + 1], heads[#heads + 1] = sub(ARGV[at], 1, 16), at
  at = at + 1 + byte(ARGV[at], 41)
end
local keys = keys_of(ids)
for n, record in ipairs(read(keys)) do
  local id, token, lease, with = struct.unpack('<c16c16i8B', ARGV[heads[n]])
  if renewed[id] then record = read_anew(keys[n]) end -- it comes twice
  local answer = LOST
  if record and byte(record, STATE_AT) == RUNNING and sub(record, TOKEN_FROM, TOKEN_TO) == token then
    local queue = queue_in(record)
    if queue then
      local layout, state, flags, attempt, crashes, interruptions, outages, changes, reason = struct.unpack(FACTS, record)
      answer, renewed[id] = flags % 2 == ASKED and CANCEL_ASKED or HELD, true
      local worker, till = sub(record, WORKER_FROM, WORKER_TO), math.min(lease_now + lease, FAR)
      add(root .. K_HELD .. queue.name .. ':' .. worker, text(till), sub(record, ORDER_FROM, ORDER_TO) .. id)
      local workers = list(leases, queue.name)
      workers[worker] = math.min(workers[worker] or FAR, till)
      if till > lease_now + LONGEST_LEASE then workers[worker] = 0 end
      local granted = band(flags, GRANTED) ~= 0
      if granted then
        -- From now on it has a lease of its own.
        let_go(queue, record)
        flags = flags - GRANTED
      end
      if with == 1 then
        flags, changes = bit.bor(flags, HAS_PROGRESS), (changes + 1) % 2 ^ 32
        records[#records + 1] = root .. K_PROGRESS .. id
        records[#records + 1] = ARGV[heads[n] + 1]
        news[#news + 1] = id
      end
      if granted or with == 1 then
        patches[#patches + 1] = keys[n]
        patches[#patches + 1] = pack(FACTS, layout, state, flags, attempt, crashes, interruptions, outages, changes, reason)
      end
    end
  end
  answers[n] = char(answer)
end
for name, workers in pairs(leases) do
  for worker, till in pairs(workers) do note_lease(name, worker, till) end
end
finish()
return concat(answers)
