-- Pushes jobs into one queue.

-- Returns a time in ms from its form (NEVER, IN, AT) and a number of ms.
local function moment(how, number)
  if how == NEVER then return 0 end
  return min(how == IN and now + number or number, FAR)
end

-- Returns the set of these jobs that exist already.
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

-- Adds a job to the stream of all jobs of the queue, and returns its order. An order is the server's time in µs, or a higher number if
-- the last order is not lower than that.
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

-- Returns the answer and the id of an existing job that replaces a new one; nothing if there is none.
local function existing_job(queue, known, labels)
  if labels.reuse then
    local newest, finished = unpack(call('ZREVRANGE', root .. K_REUSE .. queue .. ':' .. labels.reuse, 0, 0, 'WITHSCORES'))
    if newest and now - tonumber(finished) < labels.within then return EXISTING_REUSE, sub(newest, 9) end
  end
  local member = labels.unique and holder(queue, labels.unique, known)
  if member then return EXISTING_UNIQUE, sub(member, 9) end
end

-- Writes the labels of a new job: takes its unique key, and adds its alias and tags to their sets.
local function label(queue, member, labels)
  if labels.unique then hold(queue, labels.unique, labels.scope, member) end
  if labels.alias then zadd(root .. K_ALIAS .. queue .. ':' .. labels.alias, '0', member) end
  for _, tag in ipairs(labels.tags) do zadd(root .. K_TAG .. queue .. ':' .. tag, '0', member) end
end

-- Creates a job, unless an existing job replaces it. Returns the answer, the id of the existing job, and the order for the next job.
local function create(queue, known, order, head, tail, payload)
  local NEW_JOB_FIELDS = unpacked(NEW_JOB, head)
  local rank, _, kind, label_from = unpacked('<bBc0Bc0', tail)
  local labels = labels_in(flags, tail, label_from)
  local code, other = existing_job(queue, known, labels)
  if code then return code, other, order end
  order = append(queue, order, id)
  local order8, run_at, deadline = pack('>I8', order), max(moment(when_how, when), now), moment(deadline_how, deadline)
  local member, state = order8 .. id, run_at > now and SCHEDULED or READY
  enter_waiting(queue, kind, 0, rank, member, state, run_at)
  local body = pack('<i8i8', now, deadline) .. order8 .. asked_limits .. tail
  put(root .. K_JOB .. id, pack(HEAD, RECORD_VERSION, state, flags, 0, 0, 0, 0, 1, 0, #body, run_at) .. body)
  if payload then put(root .. K_PAYLOAD .. id, payload) end
  if band(flags, HAS_DEADLINE) ~= 0 then zadd(root .. K_DEADLINE .. queue, text(deadline), member) end
  label(queue, member, labels)
  news[#news + 1] = id
  woke(queue, kind, 1)
  return CREATED, nil, order + 1
end

-- In:  ARGV 1 frame  2 queue; then for each job
--           the layout NEW_JOB of `layout.rs`: id, bits for further arguments, flags, when it is due, deadline, limits
--           the end of the body of its record, from its rank on
--           the further arguments: a payload; a fingerprint (32 bytes) with an idempotency key
-- Out: for each job a number, followed by the id of the other job if it is not created; an empty string if all jobs were created
local function push(args)
  read_frame(args[1])
  begin_writes()
  local queue, ids, heads, at = args[2], {}, {}, 3
  while args[at] do
    local along = byte(args[at], 17)
    ids[#ids + 1], heads[#heads + 1] = sub(args[at], 1, 16), at
    at = at + 2 + along % 2 + floor(along / 2)
  end
  local known, order, answers, all_created = known_of(ids), us, {}, true
  for place, id in ipairs(ids) do
    local code, other
    if not known[id] then
      local head = heads[place]
      local along, fingerprint, key = byte(args[head], 17), nil, nil
      if along >= 2 then
        local answer = args[head + 2 + along % 2]
        fingerprint, key = sub(answer, 1, 32), sub(answer, 33)
        code, other = answered(queue, known, fingerprint, key)
      end
      if not code then
        code, other, order = create(queue, known, order, args[head], args[head + 1], along % 2 == 1 and args[head + 2])
        if code == CREATED then known[id] = true end
        if key then keep_answer(queue, fingerprint, key, code == CREATED and CREATED_BEFORE or code, other or id) end
      end
    end
    -- If an earlier request created this job, this request is a repeat of the same push.
    if not code or code == CREATED or code == CREATED_BEFORE and other == id then
      answers[place] = char(CREATED)
    else
      answers[place], all_created = char(code) .. other, false
    end
  end
  finish()
  return all_created and '' or concat(answers)
end
