#!lua
-- Takes jobs of one queue over; refused as a whole where the server has no memory left.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 the order of the first job of the batch, by the asker's idea of this server's clock, in µs
--       4 number of kinds, then the kinds
--       then for each job: what follows; its payload, where it is large; and, where it has an idempotency key, a fingerprint (32
--       bytes) and the key. What follows is: id, what comes along (1 a large payload, 2 an idempotency key), place in the batch,
--       which kind, rank, when it is due and until when it must be started (each how it is given, and ms), flags, attempts
--       allowed, and then the end of its record
-- Out:  bells, the server's time in µs; then, unless all jobs were created, for each job a number, followed by the id of the job
--       that stands for it where another does

local head_format = '<c16BI4HbBi8Bi8HH'
local queue = ARGV[2]
local kinds, at = {}, 4
for place = 1, tonumber(ARGV[at]) do kinds[place] = ARGV[at + place] end
at = at + #kinds + 1

-- Check: who is known already?
local heads, ids = {}, {}
while ARGV[at] do
  local n, along = #heads + 1, ARGV[at]:byte(17)
  heads[n], ids[n] = at, ARGV[at]:sub(1, 16)
  at = at + 1
  if along % 2 == 1 then at = at + 1 end
  if along >= 2 then at = at + 2 end
end
local prefix, known = root .. K_RECORD, {}
for from = 1, #ids, CHUNK do
  local keys = {}
  for place = from, math.min(from + CHUNK - 1, #ids) do keys[place - from + 1] = prefix .. ids[place] end
  if redis.call('EXISTS', unpack(keys)) > 0 then
    for place = 1, #keys do known[ids[from + place - 1]] = redis.call('EXISTS', keys[place]) == 1 or nil end
  end
end

local meta = root .. K_QUEUE .. queue
local last = tonumber(redis.call('HGET', meta, 'order') or 0)
local hint = tonumber(ARGV[3])
local base = math.abs(hint - us) < ORDER_TRUSTED and hint or us

local function is_known(id)
  return known[id] or redis.call('EXISTS', prefix .. id) == 1
end

-- Returns the answer to an earlier push with the same idempotency key.
local function answered(fingerprint, key)
  local kept = redis.call('HGET', root .. K_ANSWERS .. queue, key)
  if not kept or #kept ~= 57 then return nil end
  local by, id, code, till = struct.unpack('<c32c16Bi8', kept)
  if till <= now and not is_known(id) then return nil end
  if by ~= fingerprint then return CONFLICT, id end
  return code, id
end

local function keep_answer(fingerprint, key, code, id)
  local till = now + IDEMPOTENCY
  redis.call('HSET', root .. K_ANSWERS .. queue, key, pack('<c32c16Bi8', fingerprint, id, code, till))
  redis.call('ZADD', root .. K_ANSWERS_UNTIL .. queue, text(till), key)
end

-- Returns why and which job stands for a new one.
local function stands_for(unique, reuse, within)
  if reuse then
    local newest = redis.call('ZREVRANGE', root .. K_REUSE .. queue .. ':' .. reuse, 0, 0, 'WITHSCORES')
    if newest[1] and now - tonumber(newest[2]) < within then return STANDS_FOR_REUSE, newest[1]:sub(9) end
  end
  if unique then
    local held = redis.call('HGET', root .. K_UNIQUE .. queue, unique)
    if held and #held == 32 then
      local till = struct.unpack('<i8', held, 25)
      if (till < 0 or till > now) and is_known(held:sub(9, 24)) then return STANDS_FOR_UNIQUE, held:sub(9, 24) end
    end
  end
end

local function moment(how, number)
  if how == NEVER then return 0 end
  return math.min(how == IN and now + number or number, FAR)
end

local sets, created = {}, false
local last_state, last_flags, last_most, last_run_at, last_deadline, beginning, times
local all, numbers = list(added, root .. K_ALL .. queue), queue_of(queue)

local function create(id, place, kind, rank, run_at, deadline, flags, most, tail)
  last = math.max(last + 1, base + place)
  local order = pack('>I8', last)
  local member = order .. id
  local state = run_at > now and SCHEDULED or READY
  if run_at < now then run_at = now end
  if state ~= last_state or flags ~= last_flags or most ~= last_most then
    beginning = pack('<BHHHI4HI4Bi8i8c16c16', state, flags, 0, 0, 0, most, 1, 0, 0, 0, NOBODY, NOBODY)
    last_state, last_flags, last_most = state, flags, most
  end
  if run_at ~= last_run_at or deadline ~= last_deadline then
    times, last_run_at, last_deadline = pack('<i8i8i8', run_at, deadline, now), run_at, deadline
  end
  local n = #records
  records[n + 1], records[n + 2] = prefix .. id, beginning .. times .. order .. tail
  n = #all
  all[n + 1], all[n + 2] = '0', member
  if state == READY then
    local set = sets[kind]
    if not set then
      set = list(added, root .. K_READY .. queue .. ':' .. kinds[kind])
      sets[kind] = set
    end
    n = #set
    set[n + 1], set[n + 2] = text((rank + 100) * RANK + run_at), member
  else
    add(root .. K_SCHEDULED .. queue, text(run_at), member)
  end
  numbers[state] = numbers[state] + 1
  if band(flags, HAS_DEADLINE) ~= 0 then add(root .. K_DEADLINE .. queue, text(deadline), member) end
  known[id], created = true, true
  return member
end

local answers, plain = { '', '' }, true
for n = 1, #heads do
  local head = heads[n]
  local id, along, place, kind, rank, when_how, when, deadline_how, deadline, flags, most, after =
    struct.unpack(head_format, ARGV[head])
  local code, other
  if known[id] then
    code = CREATED
  else
    local next_arg = head + 1 + along % 2
    if along >= 2 then code, other = answered(ARGV[next_arg], ARGV[next_arg + 1]) end
    if not code then
      local tail = ARGV[head]:sub(after)
      local unique, scope, reuse, within, _, alias, tags
      local worded = band(flags, HAS_UNIQUE + HAS_REUSE + HAS_LABELS) ~= 0
      if worded then
        local _, _, _, at = struct.unpack('<Bc0Bc0b', tail)
        unique, scope, reuse, within, _, alias, tags = words(flags, tail, at)
        code, other = stands_for(unique, reuse, within)
      end
      if not code then
        code = CREATED
        local member = create(id, place, kind, rank, moment(when_how, when), moment(deadline_how, deadline), flags, most, tail)
        if along % 2 == 1 then
          records[#records + 1] = root .. K_PAYLOAD .. id
          records[#records + 1] = ARGV[head + 1]
        end
        if unique then hold(queue, unique, scope, member) end
        if worded then
          if alias ~= '' then add(root .. K_ALIAS .. queue .. ':' .. alias, '0', member) end
          for _, tag in ipairs(tags) do add(root .. K_TAG .. queue .. ':' .. tag, '0', member) end
        end
      end
      if along >= 2 then
        keep_answer(ARGV[next_arg], ARGV[next_arg + 1], code == CREATED and CREATED_BEFORE or code, other or id)
      end
    end
    -- An earlier request made this very job: it is the same push.
    if code == CREATED_BEFORE and other == id then code, other = CREATED, nil end
  end
  answers[n + 2] = string.char(code) .. (other or '')
  plain = plain and code == CREATED
end

if created then
  bells = BELL_WORK
  redis.call('HSET', meta, 'order', text(last))
  local ready = {}
  for kind in pairs(sets) do ready[#ready + 1] = kinds[kind] end
  in_chunks('SADD', root .. K_KINDS .. queue, ready)
end
local head = string.char(finish()) .. pack('<i8', us)
if plain then return head end
answers[1] = head
return table.concat(answers)
