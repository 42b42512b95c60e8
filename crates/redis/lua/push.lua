-- Takes jobs of one queue over.

-- Returns a moment: how it is given, and a number of ms.
local function moment(how, number)
  if how == NEVER then return 0 end
  return min(how == IN and now + number or number, FAR)
end

-- Returns which of these jobs are there already.
local function known_of(ids)
  local keys, known = {}, {}
  for at = 1, #ids do keys[at] = root .. K_JOB .. ids[at] end
  for from = 1, #keys, CHUNK do
    local to = min(from + CHUNK - 1, #keys)
    if call('EXISTS', unpack(keys, from, to)) > 0 then
      for at = from, to do known[ids[at]] = call('EXISTS', keys[at]) == 1 or nil end
    end
  end
  return known
end

-- Gives a job its place among all jobs of the queue; returns its order. Orders are the server's time in µs, and grow where that does not.
local function append(queue, order, id)
  local all = root .. K_ALL .. queue
  local added = redis.pcall('XADD', all, text(order) .. '-0', '', id)
  if not added.err then return order end
  local info = call('XINFO', 'STREAM', all)
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then order = tonumber(info[at + 1]:match('^%d+')) + 1 end
  end
  call('XADD', all, text(order) .. '-0', '', id)
  return order
end

-- Returns the answer to an earlier push with the same idempotency key.
local function answered(queue, known, fingerprint, key)
  local kept = call('HGET', root .. K_ANSWERS .. queue, key)
  if not kept then return nil end
  local by, id, code, till = unpacked('<c32c16Bi8', kept)
  if till <= now and not known[id] and call('EXISTS', root .. K_JOB .. id) == 0 then return nil end
  if by ~= fingerprint then return CONFLICT, id end
  return code, id
end

local function keep_answer(queue, fingerprint, key, code, id)
  local till = now + IDEMPOTENCY
  call('HSET', root .. K_ANSWERS .. queue, key, pack('<c32c16Bi8', fingerprint, id, code, till))
  zadd(root .. K_ANSWERS_UNTIL .. queue, text(till), key)
end

-- Returns why and which job stands for a new one.
local function stands_for(queue, known, unique, reuse, within)
  if reuse then
    local newest, finished = unpack(call('ZREVRANGE', root .. K_REUSE .. queue .. ':' .. reuse, 0, 0, 'WITHSCORES'))
    if newest and now - tonumber(finished) < within then return STANDS_FOR_REUSE, sub(newest, 9) end
  end
  local member = unique and holder(queue, unique, known)
  if member then return STANDS_FOR_UNIQUE, sub(member, 9) end
end

-- Creates a job, unless another stands for it; returns the answer, and the id of the other.
local function create(queue, known, order, new)
  local unique, scope, reuse, within, alias, tags
  local rank, _, kind, label_from = unpacked('<bBc0Bc0', new.tail)
  if has(new, HAS_UNIQUE + HAS_REUSE + HAS_LABELS) then
    unique, scope, reuse, within, alias, tags = labels_in(new.flags, new.tail, label_from)
    local code, other = stands_for(queue, known, unique, reuse, within)
    if code then return code, other, order end
  end
  order = append(queue, order, new.id)
  local order8 = pack('>I8', order)
  local run_at, member = max(new.run_at, now), order8 .. new.id
  local state = run_at > now and SCHEDULED or READY
  local job = {
    id = new.id, key = root .. K_JOB .. new.id, state = state, flags = new.flags, attempt = 0, crashes = 0, interruptions = 0, outages = 0,
    changes = 1, reason = 0, run_at = run_at, body = pack('<i8i8', now, new.deadline) .. order8 .. new.limits .. new.tail,
    cancel_asked = 0, queue = queue, kind = kind, rank = rank, member = member,
  }
  enter(job, state, 0)
  changed[#changed + 1] = job
  if new.payload then put(root .. K_PAYLOAD .. new.id, new.payload) end
  if has(job, HAS_DEADLINE) then zadd(root .. K_DEADLINE .. queue, text(new.deadline), member) end
  if unique then hold(queue, unique, scope, member) end
  if alias and alias ~= '' then zadd(root .. K_ALIAS .. queue .. ':' .. alias, '0', member) end
  for _, tag in ipairs(tags or {}) do zadd(root .. K_TAG .. queue .. ':' .. tag, '0', member) end
  news[#news + 1] = new.id
  woke(queue, kind, 1)
  return CREATED, nil, order + 1
end

-- In:  ARGV 1 frame  2 queue; then for each job
--           its id, what comes along (B: 1 a large payload, 2 an idempotency key), flags, when it is due and until when it must be
--           started (each how it is given, and ms), the limits that it asks for (c16 B H B i8 B i8 c6)
--           the end of the body of its record, from its rank on
--           what comes along: a payload; a fingerprint (32 bytes) with a key
-- Out: for each job a number, followed by the id of the job that stands for it where another does; nothing where all were created
local function push(args)
  read_frame(args[1])
  begin_writes()
  local queue, jobs, ids, at = args[2], {}, {}, 3
  while args[at] do
    local new, along, when_how, when, deadline_how, deadline = {}, nil, nil, nil, nil, nil
    new.id, along, new.flags, when_how, when, deadline_how, deadline, new.limits = unpacked('<c16BHBi8Bi8c6', args[at])
    new.run_at, new.deadline, new.tail = moment(when_how, when), moment(deadline_how, deadline), args[at + 1]
    at = at + 2
    if along % 2 == 1 then new.payload, at = args[at], at + 1 end
    if along >= 2 then new.answer, at = args[at], at + 1 end
    jobs[#jobs + 1], ids[#ids + 1] = new, new.id
  end
  local known, order, answers, all_created = known_of(ids), us, {}, true
  for place, new in ipairs(jobs) do
    local code, other
    if not known[new.id] then
      local fingerprint, key
      if new.answer then
        fingerprint, key = sub(new.answer, 1, 32), sub(new.answer, 33)
        code, other = answered(queue, known, fingerprint, key)
      end
      if not code then
        code, other, order = create(queue, known, order, new)
        if code == CREATED then known[new.id] = true end
        if key then keep_answer(queue, fingerprint, key, code == CREATED and CREATED_BEFORE or code, other or new.id) end
      end
    end
    -- An earlier request made this very job: it is the same push.
    if not code or code == CREATED or code == CREATED_BEFORE and other == new.id then
      answers[place] = char(CREATED)
    else
      answers[place], all_created = char(code) .. other, false
    end
  end
  finish()
  return all_created and '' or concat(answers)
end
