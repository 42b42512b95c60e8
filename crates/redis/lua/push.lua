#!lua
-- Takes jobs of one queue over; refused as a whole where the server has no memory left.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 the order of the first job of the batch, by the asker's idea of this server's clock, in µs
--       4 number of kinds, then the kinds
--       then for each job: its head, the end of its record, its payload; and, where it has an idempotency key, a fingerprint
--       (32 bytes) and the key. A head is: id, place in the batch, which kind, rank, when it is due and until when it must be
--       started (each how it is given, and ms), flags, attempts allowed, whether an idempotency key follows
-- Out:  bells, the server's time in µs; and for each job a number, followed by the id of the job that stands for it where
--       another does

local head_format = '<c16I4HbBi8Bi8HHB'
local queue = ARGV[2]
local kinds, at = {}, 4
for place = 1, tonumber(ARGV[at]) do kinds[place] = ARGV[at + place] end
at = at + #kinds + 1

-- Check: who is known already?
local heads, ids = {}, {}
do
  local head = at
  while ARGV[head] do
    local id, _, _, _, _, _, _, _, _, _, keyed = struct.unpack(head_format, ARGV[head])
    heads[#heads + 1] = head
    ids[#ids + 1] = id
    head = head + (keyed == 1 and 5 or 3)
  end
end
local known = read(K_RECORD, ids)
local fresh = {}

local meta = root .. K_QUEUE .. queue
local last = tonumber(redis.call('HGET', meta, 'order') or 0)
local hint = tonumber(ARGV[3])
local base = math.abs(hint - us) < ORDER_TRUSTED and hint or us

local function is_known(id)
  return fresh[id] or redis.call('EXISTS', root .. K_RECORD .. id) == 1
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
  redis.call('HSET', root .. K_ANSWERS .. queue, key, struct.pack('<c32c16Bi8', fingerprint, id, code, till))
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

local sets, used = {}, {}
local last_state, last_flags, last_most, beginning
local all = list(added, root .. K_ALL .. queue)

local function create(id, place, kind, rank, run_at, deadline, flags, most, tail)
  last = math.max(last + 1, base + place)
  local order = struct.pack('>I8', last)
  local member = order .. id
  local state = run_at > now and SCHEDULED or READY
  run_at = math.max(run_at, now)
  if state ~= last_state or flags ~= last_flags or most ~= last_most then
    beginning = struct.pack('<BHHHI4HI4Bi8i8c16c16', state, flags, 0, 0, 0, most, 1, 0, 0, 0, NOBODY, NOBODY)
    last_state, last_flags, last_most = state, flags, most
  end
  records[#records + 1] = root .. K_RECORD .. id
  records[#records + 1] = beginning .. struct.pack('<i8i8i8', run_at, deadline, now) .. order .. tail
  all[#all + 1] = '0'
  all[#all + 1] = member
  if state == READY then
    local set = sets[kind]
    if not set then
      set = list(added, root .. K_READY .. queue .. ':' .. kinds[kind])
      sets[kind] = set
    end
    set[#set + 1] = text((rank + 100) * RANK + run_at)
    set[#set + 1] = member
  else
    add(root .. K_SCHEDULED .. queue, text(run_at), member)
  end
  used[kind] = true
  count(queue, state, 1)
  if bit.band(flags, HAS_DEADLINE) ~= 0 then add(root .. K_DEADLINE .. queue, text(deadline), member) end
  fresh[id] = true
  bells = BELL_WORK
  return member
end

local answers = { '', '' }
for n, head in ipairs(heads) do
  local id, place, kind, rank, when_how, when, deadline_how, deadline, flags, most, keyed = struct.unpack(head_format, ARGV[head])
  local tail, payload = ARGV[head + 1], ARGV[head + 2]
  local code, other
  if known[n] or fresh[id] then
    code = CREATED
  else
    if keyed == 1 then code, other = answered(ARGV[head + 3], ARGV[head + 4]) end
    if not code then
      local unique, scope, reuse, within, _, alias, tags
      local worded = bit.band(flags, HAS_UNIQUE + HAS_REUSE + HAS_LABELS) ~= 0
      if worded then
        local _, _, _, after = struct.unpack('<Bc0Bc0b', tail) -- a record ends in what is given here
        unique, scope, reuse, within, _, alias, tags = words(flags, tail, after)
        code, other = stands_for(unique, reuse, within)
      end
      if not code then
        code = CREATED
        local member = create(id, place, kind, rank, moment(when_how, when), moment(deadline_how, deadline), flags, most, tail)
        records[#records + 1] = root .. K_PAYLOAD .. id
        records[#records + 1] = payload
        if unique then hold(queue, unique, scope, member) end
        if worded and alias ~= '' then add(root .. K_ALIAS .. queue .. ':' .. alias, '0', member) end
        if worded then
          for _, tag in ipairs(tags) do add(root .. K_TAG .. queue .. ':' .. tag, '0', member) end
        end
      end
      if keyed == 1 then
        keep_answer(ARGV[head + 3], ARGV[head + 4], code == CREATED and CREATED_BEFORE or code, other or id)
      end
    end
    -- An earlier request made this very job: it is the same push.
    if code == CREATED_BEFORE and other == id then code, other = CREATED, nil end
  end
  answers[#answers + 1] = string.char(code)
  if other then answers[#answers + 1] = other end
end

if bells > 0 then
  redis.call('HSET', meta, 'order', text(last))
  local names = {}
  for kind in pairs(used) do names[#names + 1] = kinds[kind] end
  in_chunks('SADD', root .. K_KINDS .. queue, names, CHUNK)
end
answers[1] = string.char(finish())
answers[2] = struct.pack('<i8', us)
return table.concat(answers)
