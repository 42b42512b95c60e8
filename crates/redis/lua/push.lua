#!lua
-- Takes jobs of one queue over; refused as a whole where the server has no memory left.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 the order of the first job of the batch, by the asker's idea of this server's clock, in µs
--       4 the place of each job in the batch (I4 each), or nothing where they follow one another
--       5 whether some have a large payload or an idempotency key (0 or 1)  6 number of kinds, then the kinds
--       then for each job: what follows; its payload, where it is large; and, where it has an idempotency key, a fingerprint (32
--       bytes) and the key. What follows is: id, what comes along (1 a large payload, 2 an idempotency key), its shape, and the
--       end of its record. A shape is: which kind, rank, when it is due and until when it must be started (each how it is given,
--       and ms), flags, attempts allowed
-- Out:  bells, the server's time in µs; then, unless all jobs were created, for each job a number, followed by the id of the job
--       that stands for it where another does

local queue, places = ARGV[2], ARGV[4]
local kinds, at = {}, 6
for place = 1, tonumber(ARGV[at]) do kinds[place] = ARGV[at + place] end
at = at + #kinds + 1

-- Check: who is known already?
local heads, ids, keys, n = {}, {}, {}, 0
local some = ARGV[5] == '1'
while ARGV[at] do
  local head = ARGV[at]
  local id = sub(head, 1, 16)
  n = n + 1
  heads[n], ids[n], keys[n] = at, id, prefix .. id
  at = at + 1
  if some then
    local along = byte(head, 17)
    at = at + along % 2 + (along >= 2 and 2 or 0)
  end
end
local known = {}
for from = 1, n, CHUNK do
  local to = math.min(from + CHUNK - 1, n)
  if redis.call('EXISTS', unpack(keys, from, to)) > 0 then
    for place = from, to do known[ids[place]] = redis.call('EXISTS', keys[place]) == 1 or nil end
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
    if newest[1] and now - tonumber(newest[2]) < within then return STANDS_FOR_REUSE, sub(newest[1], 9) end
  end
  if unique then
    local held = redis.call('HGET', root .. K_UNIQUE .. queue, unique)
    if held and #held == 32 then
      local till = struct.unpack('<i8', held, 25)
      if (till < 0 or till > now) and is_known(sub(held, 9, 24)) then return STANDS_FOR_UNIQUE, sub(held, 9, 24) end
    end
  end
end

local function moment(how, number)
  if how == NEVER then return 0 end
  return math.min(how == IN and now + number or number, FAR)
end

local ready_kinds, together = {}, {}

-- Works out once what is the same for all jobs of a shape.
local function worked_out(shape)
  local kind, rank, when_how, when, deadline_how, deadline, flags, most = struct.unpack('<HbBi8Bi8HH', shape)
  local run_at = moment(when_how, when)
  local state = run_at > now and SCHEDULED or READY
  run_at = math.max(run_at, now)
  deadline = moment(deadline_how, deadline)
  local set, score = root .. K_SCHEDULED .. queue, text(run_at)
  if state == READY then
    set, score = ready_set(queue, kinds[kind], 0), ready_score(rank, run_at)
    ready_kinds[kinds[kind]] = true
  end
  local timely = band(flags, HAS_DEADLINE) ~= 0
  return {
    beginning = pack(CHANGING, state, flags, 0, 0, 0, most, 1, 0, 0, 0, NOBODY, NOBODY, run_at, deadline) .. now8,
    state = state, set = set, score = score, together = list(list(together, set), score), flags = flags,
    deadline = timely and text(deadline),
    -- Those that may leave the set on their own are entries of their own.
    alone = timely or state == SCHEDULED,
    worded = band(flags, HAS_UNIQUE + HAS_REUSE + HAS_LABELS) ~= 0,
  }
end

local shapes, created, opening, opening_of = {}, false, nil, nil
local members, numbers = {}, queue_of(queue)

local function create(place, shape, tail)
  local order = base + (places == '' and place - 1 or struct.unpack('<I4', places, place * 4 - 3))
  last = order > last and order or last + 1
  local low = last % 256
  if opening_of ~= last - low then opening_of, opening = last - low, sub(pack('>I8', last), 1, 7) end
  low = char(low)
  local id, key = ids[place], keys[place]
  local member, n = opening .. low .. id, #records
  records[n + 1], records[n + 2] = key, shape.beginning .. opening .. low .. tail
  members[#members + 1] = member
  numbers[shape.state] = numbers[shape.state] + 1
  if shape.alone then
    -- Those that came before it stay before it.
    local before = shape.together
    if before[1] then
      add_runs(shape.set, shape.score, before)
      for at = #before, 1, -1 do before[at] = nil end
    end
    add(shape.set, shape.score, member)
    if shape.deadline then add(root .. K_DEADLINE .. queue, shape.deadline, member) end
  else
    shape.together[#shape.together + 1] = member
  end
  known[id], created = true, true
  return member
end

-- Pushes a job that another may stand for, or that has something beside its record; returns the answer.
local function push(place, head, shape, tail)
  local code, other
  local along = byte(ARGV[head], 17)
  local next_arg = head + 1 + along % 2
  if along >= 2 then code, other = answered(ARGV[next_arg], ARGV[next_arg + 1]) end
  if not code then
    local unique, scope, reuse, within, _, alias, tags
    if shape.worded then
      local _, _, _, after = struct.unpack('<Bc0Bc0b', tail)
      unique, scope, reuse, within, _, alias, tags = words(shape.flags, tail, after)
      code, other = stands_for(unique, reuse, within)
    end
    if not code then
      code = CREATED
      local member = create(place, shape, tail)
      if along % 2 == 1 then
        records[#records + 1] = root .. K_PAYLOAD .. ids[place]
        records[#records + 1] = ARGV[head + 1]
      end
      if unique then hold(queue, unique, scope, member) end
      if shape.worded then
        if alias ~= '' then add(root .. K_ALIAS .. queue .. ':' .. alias, '0', member) end
        for _, tag in ipairs(tags) do add(root .. K_TAG .. queue .. ':' .. tag, '0', member) end
      end
    end
    if along >= 2 then
      keep_answer(ARGV[next_arg], ARGV[next_arg + 1], code == CREATED and CREATED_BEFORE or code, other or ids[place])
    end
  end
  -- An earlier request made this very job: it is the same push.
  if code == CREATED or code == CREATED_BEFORE and other == ids[place] then return char(CREATED) end
  return char(code) .. other
end

local answers, plain = { '', '' }, true
local plainly = char(CREATED)
for place = 1, n do
  local answer = plainly
  if not known[ids[place]] then
    local head = ARGV[heads[place]]
    local shape_text = sub(head, 18, SHAPE_TO)
    local shape = shapes[shape_text]
    if not shape then
      shape = worked_out(shape_text)
      shapes[shape_text] = shape
    end
    local tail = sub(head, SHAPE_TO + 1)
    if some or shape.worded then
      answer = push(place, heads[place], shape, tail)
      plain = plain and answer == plainly
    else
      create(place, shape, tail)
    end
  end
  answers[place + 2] = answer
end

if created then
  rings_work = true
  redis.call('HSET', meta, 'order', text(last))
  add_runs(root .. K_ALL .. queue, '0', members)
  for set, scored in pairs(together) do
    for score, members in pairs(scored) do add_runs(set, score, members) end
  end
  local ready = {}
  for kind in pairs(ready_kinds) do ready[#ready + 1] = kind end
  in_chunks('SADD', root .. K_KINDS .. queue, ready)
end
local head = char(finish()) .. pack('<i8', us)
if plain then return head end
answers[1] = head
return concat(answers)
