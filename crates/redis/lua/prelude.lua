-- What scripts that move jobs begin with: the clock, records, what is to be written, and the one place where a job is moved.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the frame: how far tests moved the wall clock and the lease clock, how long to keep finished and dead jobs (each
--       a number of ms in 8 bytes), who asks (8 bytes), the channel of the bells
--
-- A script reads and checks, then calls `move` and its kin, which gather what is to be written, then `finish`, which writes it.
-- Words in capitals are constants, put in when the script is loaded: keys (`K_…`, keys.rs) and what Rust shares (shared.rs).

local root = KEYS[1]
local wall_shift, lease_shift, keep_finished, keep_dead, asker = struct.unpack('<i8i8i8i8c8', ARGV[1])
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local ms = math.floor(us / 1000)
local now, lease_now = ms + wall_shift, ms + lease_shift
local pack, unpack_record, band = struct.pack, struct.unpack, bit.band

local records, doomed, bells = {}, {}, 0
local added, removed, queues, last_queue = {}, {}, {}, nil
local grant_token, grant_worker

local function list(of, key)
  local found = of[key]
  if not found then
    found = {}
    of[key] = found
  end
  return found
end

local last_number, last_text
-- Writes a whole number as text: much cheaper than what a command makes of a number, and batches repeat the same one.
local function text(number)
  if number ~= last_number then last_number, last_text = number, string.format('%.0f', number) end
  return last_text
end

local function add(set, score, member)
  local to = list(added, set)
  local n = #to
  to[n + 1], to[n + 2] = score, member
end

local function remove(set, member)
  local from = list(removed, set)
  from[#from + 1] = member
end

-- Returns what is gathered of a queue: changes of its counters by state, and names of sets that batches repeat.
local function queue_of(name)
  if last_queue and last_queue.name == name then return last_queue end
  local queue = queues[name]
  if not queue then
    queue = { name = name, final = root .. K_FINAL .. name, [0] = 0, 0, 0, 0, 0, 0 }
    queues[name] = queue
  end
  last_queue = queue
  return queue
end

local function count(name, state, by)
  local queue = queue_of(name)
  queue[state] = queue[state] + by
end

local function held_set(queue, worker)
  if queue.worker ~= worker then queue.worker, queue.held = worker, root .. K_HELD .. queue.name .. ':' .. worker end
  return queue.held
end

local function in_chunks(command, key, values)
  for from = 1, #values, CHUNK do
    local to = math.min(from + CHUNK - 1, #values)
    if key then redis.call(command, key, unpack(values, from, to)) else redis.call(command, unpack(values, from, to)) end
  end
end

-- Writes what was gathered so far.
local function flush()
  for set, members in pairs(removed) do in_chunks('ZREM', set, members) end
  for set, scored in pairs(added) do in_chunks('ZADD', set, scored) end
  in_chunks('MSET', nil, records)
  in_chunks('DEL', nil, doomed)
  for name, queue in pairs(queues) do
    for state = SCHEDULED, CANCELLED do
      if queue[state] ~= 0 then redis.call('HINCRBY', root .. K_QUEUE .. name, 'n' .. state, queue[state]) end
    end
  end
  records, doomed, added, removed, queues, last_queue = {}, {}, {}, {}, {}, nil
end

-- Writes what was gathered, and rings the bells of others; returns which rang.
local function finish()
  flush()
  if bells > 0 then redis.call('PUBLISH', ARGV[1]:sub(41), asker .. string.char(bells)) end
  return bells
end

-- Reads the strings of many jobs; false where there is none.
local function read(kind, ids)
  local prefix, all = root .. kind, {}
  for from = 1, #ids, CHUNK do
    local keys = {}
    for at = from, math.min(from + CHUNK - 1, #ids) do keys[at - from + 1] = prefix .. ids[at] end
    local values = redis.call('MGET', unpack(keys))
    if #ids <= CHUNK then return values end
    for at = 1, #values do all[from + at - 1] = values[at] end
  end
  return all
end

-- Returns whether a record can be read as far as it takes to move it.
local function sound(record)
  return (pcall(struct.unpack, WHOLE, record))
end

-- Returns the queue, the kind, and where the words begin, of a record that is sound.
local function names(record)
  local queue, kind, _, at = struct.unpack('<Bc0Bc0b', record, ORDER_TO + 1)
  return queue, kind, at
end

local function ids_of(members)
  local ids = {}
  for at = 1, #members do ids[at] = members[at]:sub(9) end
  return ids
end

-- Reads what a record holds after its kind: unique key, its scope, reuse key, its period, key, alias, tags; and where it ends.
local function words_of(flags, record, at)
  local unique, scope, reuse, within, key, alias, tags = nil, nil, nil, nil, '', '', {}
  at = at + 4
  if band(flags, HAS_UNIQUE) ~= 0 then unique, scope, at = struct.unpack('<Bc0i8', record, at) end
  if band(flags, HAS_REUSE) ~= 0 then reuse, within, at = struct.unpack('<Bc0i8', record, at) end
  if band(flags, HAS_LABELS) ~= 0 then
    local n
    key, alias, n, at = struct.unpack('<Bc0Bc0B', record, at)
    for place = 1, n do tags[place], at = struct.unpack('<Bc0', record, at) end
  end
  return unique, scope, reuse, within, key, alias, tags
end

local function words(flags, record, at)
  local ok, unique, scope, reuse, within, key, alias, tags = pcall(words_of, flags, record, at)
  if not ok then return nil, nil, nil, nil, '', '', {} end -- damaged: then it holds nothing
  return unique, scope, reuse, within, key, alias, tags
end

-- Returns the member that holds a unique key now, and until when.
local function holder(queue, unique)
  local held = redis.call('HGET', root .. K_UNIQUE .. queue, unique)
  if not held or #held ~= 32 then return nil end
  local till = struct.unpack('<i8', held, 25)
  if till >= 0 and till <= now then return nil end
  if redis.call('EXISTS', root .. K_RECORD .. held:sub(9, 24)) == 0 then return nil end
  return held:sub(1, 24), till
end

local function hold(queue, unique, scope, member)
  local till = scope >= 2 and math.min(now + scope - 2, FAR) or -1
  redis.call('HSET', root .. K_UNIQUE .. queue, unique, member .. pack('<i8', till))
end

-- Gives a unique key back where a move ends its scope; returns until when it is still held by its period.
local function unique_moved(queue, unique, scope, member, to)
  local held = redis.call('HGET', root .. K_UNIQUE .. queue, unique)
  if not held or held:sub(1, 24) ~= member then return nil end
  local over = to >= SUCCEEDED
  if scope == 0 then over = over or to == RUNNING elseif scope >= 2 then over = to == DEAD or to == CANCELLED end
  if over then
    redis.call('HDEL', root .. K_UNIQUE .. queue, unique)
    return nil
  end
  return #held == 32 and struct.unpack('<i8', held, 25) or nil
end

local function note_failure(id, attempt, worker, message)
  local key = root .. K_FAILURES .. id
  redis.call('RPUSH', key, pack('<i8Hc16', now, attempt, worker) .. message)
  redis.call('LTRIM', key, -FAILURES_KEPT, -1)
end

local function ready_set(queue, kind, crashes)
  return root .. (crashes >= 2 and K_ALONE or K_READY) .. queue .. ':' .. kind
end

-- Moves a job where an event takes it; returns its new record, or nothing where the event changes nothing or the record makes no
-- sense. `failure` is kept among its failures, `marks` are set in its flags, `result` becomes the end of its record; one that is
-- `popped` has left its set already.
local function move(id, record, event, with, failure, marks, popped, result)
  local ok, state, flags, attempt, crashes, interruptions, most, version, _, finished, started, token, worker, run_at,
    deadline, _, order, name, kind, rank, at = pcall(unpack_record, WHOLE, record)
  if not ok then return nil end
  local to, attempt_then, crashes_then, interruptions_then, asked, wait, reason =
    step(state, attempt, most, crashes, interruptions, flags % 2, event, with)
  if not to then return nil end
  local member, queue = order .. id, queue_of(name)
  if failure then
    note_failure(id, attempt, worker, failure)
    flags = bit.bor(flags, HAS_FAILURES)
  end
  if marks then flags = bit.bor(flags, marks) end
  flags = flags - flags % 2 + asked
  local timely = band(flags, HAS_DEADLINE) ~= 0

  if to ~= state then
    queue[state] = queue[state] - 1
    queue[to] = queue[to] + 1
    if state == RUNNING then
      remove(held_set(queue, worker), member)
      flags = flags - band(flags, SETTLED)
      -- A lost claim is not a settled one: its late settle must hear `lost`.
      if event >= SUCCEED and event <= CALL_OFF then flags = flags + SETTLED else token = NOBODY end
      if timely and to < RUNNING then add(root .. K_DEADLINE .. name, text(deadline), member) end
    elseif state < RUNNING then
      if state == SCHEDULED then
        remove(root .. K_SCHEDULED .. name, member)
      elseif not popped then
        remove(ready_set(name, kind, crashes), member)
      end
      if timely and to >= RUNNING then remove(root .. K_DEADLINE .. name, member) end
    else
      remove(queue.final, member)
      if state == DEAD then remove(root .. K_DEAD .. name, member) end
      if state == CANCELLED then remove(root .. K_CANCELLED .. name, member) end
      -- Tried again by hand, whatever was once too late.
      flags, deadline, finished = flags - band(flags, HAS_DEADLINE), 0, 0
    end
  end
  if wait then run_at = math.min(now + wait, FAR) end

  local till = 0
  if band(flags, HAS_UNIQUE + HAS_REUSE) ~= 0 then
    local unique, scope, reuse, within = words(flags, record, at)
    if unique then till = unique_moved(name, unique, scope, member, to) or 0 end
    if reuse and to == SUCCEEDED then
      till = math.max(till, now + within)
      add(root .. K_REUSE .. name .. ':' .. reuse, text(now), member)
    end
  end
  if to >= SUCCEEDED then
    finished = now
    till = math.max(now + (to == DEAD and keep_dead or keep_finished), till)
    add(queue.final, text(math.min(till, FAR)), member)
    if to == DEAD then add(root .. K_DEAD .. name, '0', member) end
    if to == CANCELLED then add(root .. K_CANCELLED .. name, '0', member) end
  elseif to == READY then
    add(ready_set(name, kind, crashes_then), text((rank + 100) * RANK + run_at), member)
  elseif to == SCHEDULED then
    add(root .. K_SCHEDULED .. name, text(run_at), member)
  elseif event == CLAIM then
    started, token, worker = now, grant_token, grant_worker
    if band(flags, HAS_PROGRESS) ~= 0 then
      flags = flags - HAS_PROGRESS
      doomed[#doomed + 1] = root .. K_PROGRESS .. id
    end
  end

  bells = bit.bor(bells, to < RUNNING and BELL_WORK + BELL_NEWS or BELL_NEWS)
  local after = pack(CHANGING, to, flags, attempt_then, crashes_then, interruptions_then, most, (version + 1) % 2 ^ 32, reason,
    finished, started, token, worker, run_at, deadline) .. record:sub(AFTER_CHANGING) .. (result or '')
  local n = #records
  records[n + 1], records[n + 2] = root .. K_RECORD .. id, after
  return after
end

-- Makes a job dead whose record makes no sense, found in a set of jobs in that state: of what it was only its place is left.
local function entomb(queue, kind, state, member, why)
  local id = member:sub(9)
  note_failure(id, 0, NOBODY, why)
  records[#records + 1] = root .. K_RECORD .. id
  records[#records + 1] = pack(CHANGING, DEAD, HAS_FAILURES + PAYLOAD_BESIDE, 0, 0, 0, 1, 1, CORRUPT, now, 0, NOBODY, NOBODY,
    now, 0) .. pack('<i8', now) .. member:sub(1, 8) .. pack('<Bc0Bc0bI4', #queue, queue, #kind, kind, 0, 1)
  add(root .. K_FINAL .. queue, text(math.min(now + keep_dead, FAR)), member)
  add(root .. K_DEAD .. queue, '0', member)
  add(root .. K_ALL .. queue, '0', member)
  count(queue, state, -1)
  count(queue, DEAD, 1)
  bells = bit.bor(bells, BELL_NEWS)
end

-- Forgets a member of a set of jobs in that state whose record is gone.
local function forget(queue, state, member)
  remove(root .. K_ALL .. queue, member)
  count(queue, state, -1)
end

-- Notes that a lease of a worker ends then; one that is longer than leases can be is to be looked at at once.
local function note_lease(queue, worker, till)
  if till > lease_now + LONGEST_LEASE then till = 0 end
  redis.call('ZADD', root .. K_LEASES .. queue, 'LT', text(till), worker)
end

-- Goes through the priorities in use in a set of ready jobs, a seek each: calls with each, and who has waited longest in it.
local function each_rank(set, visit)
  local from = 0
  while true do
    local first = redis.call('ZRANGEBYSCORE', set, text(from), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not first[1] then return end
    local score = tonumber(first[2])
    local rank = math.floor(score / RANK)
    visit(rank, score - rank * RANK)
    from = (rank + 1) * RANK
  end
end
