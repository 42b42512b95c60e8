#!lua
-- Takes jobs of one queue over; refused as a whole where the server has no memory left.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue
--       3 the order of the first job of the batch, by the asker's idea of this server's clock, in µs (i8); then how many jobs, kinds
--       and shapes there are (I4 each)
--       4 the place of each job in the batch (I4 each), or nothing where they follow one another
--       5 which shape each job has (I4 each), or nothing where all have the first
--       6 what comes along with each job (a byte: 1 a large payload, 2 an idempotency key), or nothing where nothing does
--       7… the kinds; the shapes; for each job what its record is called, and the end of its record, from its queue on; then what
--       comes along: a payload; a fingerprint (32 bytes) and a key
--       A shape is: which kind, rank, when it is due and until when it must be started (each how it is given, and ms), flags, the
--       limits that are asked for
-- Out:  the server's time in µs; then, unless all jobs were created, for each job a number, followed by the id of the job
--       that stands for it where another does

local queue, places, shape_of, along_of = ARGV[2], ARGV[4], ARGV[5], ARGV[6]
local hint, n, kind_count, shape_count = struct.unpack('<i8I4I4I4', ARGV[3])
local shapes_at = 6 + kind_count
local jobs_at = shapes_at + shape_count
local along_at = jobs_at + 2 * n

local meta, all = root .. K_QUEUE .. queue, root .. K_ALL .. queue
local last = tonumber(redis.call('HGET', meta, 'order') or 0)
local base = math.abs(hint - us) < ORDER_TRUSTED and hint or us
local its_queue, ready_kinds, together = queue_of(queue), {}, {}

local function moment(how, number)
  if how == NEVER then return 0 end
  return math.min(how == IN and now + number or number, FAR)
end

-- Works out once what is the same for all jobs of a shape.
local function worked_out(shape)
  local kind, rank, when_how, when, deadline_how, deadline, flags, limits = struct.unpack('<HbBi8Bi8Hc6', shape)
  kind = ARGV[6 + kind]
  local run_at = moment(when_how, when)
  local state = run_at > now and SCHEDULED or READY
  run_at = math.max(run_at, now)
  deadline = moment(deadline_how, deadline)
  local set, score = root .. K_SCHEDULED .. queue, text(run_at)
  if state == READY then
    set, score = ready_set(queue, kind, 0), ready_score(rank, run_at)
    ready_kinds[kind] = true
  end
  local timely = band(flags, HAS_DEADLINE) ~= 0
  return {
    beginning = pack(CHANGING, RECORD_VERSION, state, flags, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, NOBODY, NOBODY, run_at, 0, deadline)
      .. limits .. now8,
    kind = kind, state = state, set = set, score = score, together = list(list(together, set), score), flags = flags,
    deadline = timely and text(deadline),
    -- Those that may leave the set on their own are entries of their own.
    alone = timely or state == SCHEDULED,
    worded = band(flags, HAS_UNIQUE + HAS_REUSE + HAS_LABELS) ~= 0,
  }
end

-- Check: who is known already?
local known = {}
for from = 1, n, CHUNK do
  local keys, to = {}, math.min(from + CHUNK - 1, n)
  for place = from, to do keys[#keys + 1] = ARGV[jobs_at + 2 * place - 1] end
  if redis.call('EXISTS', unpack(keys)) > 0 then
    for _, key in ipairs(keys) do known[sub(key, -16)] = redis.call('EXISTS', key) == 1 or nil end
  end
end

local function is_known(id)
  return known[id] or redis.call('EXISTS', prefix .. id) == 1
end

-- Returns the answer to an earlier push with the same idempotency key.
local function answered(fingerprint, key)
  local kept = redis.call('HGET', root .. K_ANSWERS .. queue, key)
  if not kept then return nil end
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
    if held then
      local till = struct.unpack('<i8', held, 25)
      if (till < 0 or till > now) and is_known(sub(held, 9, 24)) then return STANDS_FOR_UNIQUE, sub(held, 9, 24) end
    end
  end
end

local members = {}

-- Creates a job and returns its member.
local function create(place, id, shape)
  local order = base + (places == '' and place - 1 or struct.unpack('<I4', places, place * 4 - 3))
  last = order > last and order or last + 1
  local order8, at, count = pack('>I8', last), jobs_at + 2 * place, #records
  local member = order8 .. id
  local record = shape.beginning .. order8 .. ARGV[at]
  records[count + 1], records[count + 2] = ARGV[at - 1], record
  members[#members + 1] = member
  moved(its_queue, record, nil, shape.state)
  woke(queue, shape.kind, 1)
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
  known[id] = true
  return member
end

-- Pushes a job that another may stand for, or that has something beside its record; returns the answer.
local function push(place, id, shape, payload, fingerprint, key)
  local code, other
  if key then code, other = answered(fingerprint, key) end
  if not code then
    local unique, scope, reuse, within, _, alias, tags
    if shape.worded then
      local tail = ARGV[jobs_at + 2 * place]
      local _, _, _, after = struct.unpack('<Bc0Bc0b', tail)
      unique, scope, reuse, within, _, alias, tags = words(shape.flags, tail, after)
      code, other = stands_for(unique, reuse, within)
    end
    if not code then
      code = CREATED
      local member = create(place, id, shape)
      if payload then
        records[#records + 1] = root .. K_PAYLOAD .. id
        records[#records + 1] = payload
      end
      if unique then hold(queue, unique, scope, member) end
      if shape.worded then
        if alias ~= '' then add(root .. K_ALIAS .. queue .. ':' .. alias, '0', member) end
        for _, tag in ipairs(tags) do add(root .. K_TAG .. queue .. ':' .. tag, '0', member) end
      end
    end
    if key then keep_answer(fingerprint, key, code == CREATED and CREATED_BEFORE or code, other or id) end
  end
  -- An earlier request made this very job: it is the same push.
  if code == CREATED or code == CREATED_BEFORE and other == id then return char(CREATED) end
  return char(code) .. other
end

local answers, plain = { '' }, true
local plainly = char(CREATED)
local shapes = {}
for place = 1, n do
  local answer, id, payload, fingerprint, key = plainly, sub(ARGV[jobs_at + 2 * place - 1], -16), nil, nil, nil
  if along_of ~= '' then
    local along = byte(along_of, place)
    if along % 2 == 1 then payload, along_at = ARGV[along_at + 1], along_at + 1 end
    if along >= 2 then fingerprint, key, along_at = ARGV[along_at + 1], ARGV[along_at + 2], along_at + 2 end
  end
  if not known[id] then
    local number = shape_of == '' and 1 or struct.unpack('<I4', shape_of, place * 4 - 3)
    local shape = shapes[number]
    if not shape then
      shape = worked_out(ARGV[shapes_at + number])
      shapes[number] = shape
    end
    if shape.worded or payload or key then
      answer = push(place, id, shape, payload, fingerprint, key)
      plain = plain and answer == plainly
    else
      create(place, id, shape)
    end
  end
  answers[place + 1] = answer
end

if members[1] then
  local ready = {}
  for kind in pairs(ready_kinds) do ready[#ready + 1] = kind end
  in_chunks('SADD', root .. K_KINDS .. queue, ready)
  add_runs(all, '0', members)
  for set, scored in pairs(together) do
    for score, its in pairs(scored) do add_runs(set, score, its) end
  end
  redis.call('HSET', meta, 'order', text(last))
end
finish()
local head = pack('<i8', us)
if plain then return head end
answers[1] = head
return concat(answers)
