#!lua flags=allow-oom
-- Extends leases and writes progress, each only where the token is the job's newest.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame; then for each renewal: id, token, lease in ms, whether progress comes along (c16 c16 i8 B); and the progress
-- Out:  bells, then a number a renewal, as one string

local answers, latest, at = { '' }, {}, 2
local ids, heads, leases = {}, {}, {}
while ARGV[at] do
  local id, _, _, with = struct.unpack('<c16c16i8B', ARGV[at])
  ids[#ids + 1], heads[#heads + 1] = id, at
  at = at + 1 + with
end
for n, record in ipairs(read(K_RECORD, ids)) do
  local id, token, lease, with = struct.unpack('<c16c16i8B', ARGV[heads[n]])
  record = latest[id] or record
  local answer = LOST
  if record and record:byte(1) == RUNNING and record:sub(TOKEN_FROM, TOKEN_TO) == token then
    local ok, state, flags, attempt, crashes, interruptions, most, version, reason, finished, started, _, worker, run_at,
      deadline, _, order, name = pcall(unpack_record, WHOLE, record)
    if ok then
      answer = flags % 2 == ASKED and CANCEL_ASKED or HELD
      local queue, till = queue_of(name), math.min(lease_now + lease, FAR)
      add(held_set(queue, worker), text(till), order .. id)
      local workers = list(leases, name)
      workers[worker] = math.min(workers[worker] or FAR, till)
      if till > lease_now + LONGEST_LEASE then workers[worker] = 0 end
      if with == 1 then
        record = pack(CHANGING, state, bit.bor(flags, HAS_PROGRESS), attempt, crashes, interruptions, most,
          (version + 1) % 2 ^ 32, reason, finished, started, token, worker, run_at, deadline) .. record:sub(AFTER_CHANGING)
        latest[id] = record
        records[#records + 1] = root .. K_RECORD .. id
        records[#records + 1] = record
        records[#records + 1] = root .. K_PROGRESS .. id
        records[#records + 1] = ARGV[heads[n] + 1]
        bells = BELL_NEWS
      end
    end
  end
  answers[n + 1] = string.char(answer)
end
for name, workers in pairs(leases) do
  for worker, till in pairs(workers) do note_lease(name, worker, till) end
end
answers[1] = string.char(finish())
return table.concat(answers)
