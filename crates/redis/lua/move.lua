-- The one place where a job is moved.

-- Returns whether a record can be read as far as it takes to move it.
local function sound(record)
  return byte(record, 1) == RECORD_VERSION and (byte(record, STATE_AT) or 255) <= CANCELLED and (pcall(struct.unpack, WHOLE, record))
end

-- Returns the queue, the kind, the rank, and where the words begin, of a record that is sound.
local function names(record)
  return struct.unpack('<Bc0Bc0b', record, QUEUE_FROM)
end

-- Returns the records of members, the ids of their jobs, and the keys of the records.
local function look_up(members)
  local ids = {}
  for at = 1, #members do ids[at] = sub(members[at], 9) end
  local keys = keys_of(ids)
  return read(keys), ids, keys
end

-- Gives a unique key back where a move ends its scope; returns until when it is still held by its period.
local function unique_moved(queue, unique, scope, member, to)
  local held = redis.call('HGET', root .. K_UNIQUE .. queue, unique)
  if not held or sub(held, 1, 24) ~= member then return nil end
  local over = to >= SUCCEEDED
  if scope == 0 then over = over or to == RUNNING elseif scope >= 2 then over = to == DEAD or to == CANCELLED end
  if over then
    redis.call('HDEL', root .. K_UNIQUE .. queue, unique)
    return nil
  end
  return (struct.unpack('<i8', held, 25))
end

-- Keeps a failure as `record.rs` reads it: when it ended and started, its class, its attempt, the number of its claim, its worker
-- (each as it stands in a record), its message.
local function keep_failure(id, started, class, attempt, claim, worker, message)
  local key = root .. K_FAILURES .. id
  redis.call('RPUSH', key, now8 .. started .. char(class) .. attempt .. claim .. worker .. message)
  redis.call('LTRIM', key, -FAILURES_KEPT, -1)
end

-- Keeps the failure that a run ended with, by the record from before it ended.
local function note_failure(id, record, class, message)
  keep_failure(id, sub(record, STARTED_FROM, STARTED_TO), class, sub(record, ATTEMPT_FROM, ATTEMPT_TO),
    sub(record, TOKEN_FROM, NUMBER_TO), sub(record, WORKER_FROM, WORKER_TO), message)
end

-- Begins a plan: what an event, with what it carries and with flags to be set, makes of jobs. It is worked out once for jobs whose
-- facts are alike, which are the beginning of their records.
local function plan_of(event, with, marks)
  return { event = event, with = with, marks = marks or 0 }
end

-- Works out what a plan makes of jobs with these facts.
local function turn_of(plan, facts)
  local event, before = plan.event, {}
  local layout, flags, changes
  layout, before.state, flags, before.attempt, before.crashes, before.interruptions, before.outages, changes =
    struct.unpack(FACTS, facts)
  before.asked = flags % 2
  local next, wait, reason
  if layout == RECORD_VERSION then next, wait, reason = step(before, event, plan.with) end
  if not next then
    plan[facts] = false
    return false
  end
  local state, to = before.state, next.state
  local turn = { state = state, to = to, crashes = before.crashes, crashes_then = next.crashes }
  flags = bit.bor(flags, plan.marks)
  flags = flags - flags % 2 + next.asked
  turn.timely, turn.large = band(flags, HAS_DEADLINE) ~= 0, band(flags, PAYLOAD_BESIDE) ~= 0
  turn.keyed = band(flags, HAS_UNIQUE + HAS_REUSE) ~= 0
  if wait then turn.run_at = math.min(now + wait, FAR) end
  if next.outages == 0 then turn.outage_since = zero8 elseif before.outages == 0 then turn.outage_since = now8 end
  if state == RUNNING and to ~= RUNNING then
    -- A lost claim is not a settled one: its late settle must hear `lost`.
    turn.granted = band(flags, GRANTED) ~= 0
    flags = flags - band(flags, SETTLED + GRANTED)
    if event >= SUCCEED and event <= CALL_OFF then flags = flags + SETTLED else turn.loses = true end
  elseif state >= SUCCEEDED then
    -- Tried again by hand, whatever was once too late.
    flags = flags - band(flags, HAS_DEADLINE)
  elseif event == CLAIM and band(flags, HAS_PROGRESS) ~= 0 then
    flags = flags - HAS_PROGRESS
    turn.forgets_progress = true
  end
  turn.flags = flags
  turn.facts = pack(FACTS, RECORD_VERSION, to, flags, next.attempt, next.crashes, next.interruptions, next.outages,
    (changes + 1) % 2 ^ 32, reason or 0)
  if to >= SUCCEEDED then turn.keep = math.min(now + (to == DEAD and keep_dead or keep_finished), FAR) end
  turn.beginning = turn.facts .. (to >= SUCCEEDED and now8 or zero8)
  if event == CLAIM then turn.beginning = turn.beginning .. now8 end
  plan[facts] = turn
  return turn
end

-- Returns what a plan makes of the job with this record; nothing where it changes nothing or the record makes no sense.
local function turn_for(plan, record)
  if #record < SHORTEST then return nil end
  local facts = sub(record, 1, FACTS_TO)
  local turn = plan[facts]
  if turn == nil then turn = turn_of(plan, facts) end
  return turn
end

-- Returns the queue a record belongs to, or nothing where it makes no sense.
local function queue_in(record)
  if last_queue and find(record, last_queue.opening, QUEUE_FROM, true) == QUEUE_FROM then return last_queue end
  local ok, name = pcall(struct.unpack, '<Bc0', record, QUEUE_FROM)
  return ok and queue_of(name) or nil
end

-- Notes that a grant does not hold the job with this record any more.
local function let_go(queue, record)
  local grant = sub(record, TOKEN_FROM, GRANT_TO)
  local loosened = queue.grants[grant]
  if loosened then
    loosened.by = loosened.by + 1
  else
    queue.grants[grant] = { worker = sub(record, WORKER_FROM, WORKER_TO), by = 1 }
  end
end

-- Takes a job out of the sets of the state that it leaves, but for a ready one that the caller takes out (`popped`).
local function leave(turn, queue, kind, rank, record, member, deadline, popped)
  local state, to, name = turn.state, turn.to, queue.name
  if state == RUNNING then
    if turn.granted then
      let_go(queue, record)
    else
      remove(root .. K_HELD .. name .. ':' .. sub(record, WORKER_FROM, WORKER_TO), member)
    end
    if deadline and to < RUNNING then add(root .. K_DEADLINE .. name, text(deadline), member) end
  elseif state < RUNNING then
    if state == SCHEDULED then
      remove(root .. K_SCHEDULED .. name, member)
    elseif not popped then
      take_out_at(ready_set(name, kind, turn.crashes), ready_score(rank, struct.unpack('<i8', record, RUN_AT_FROM)), member)
    end
    if deadline and to >= RUNNING then remove(root .. K_DEADLINE .. name, member) end
  else
    remove(queue.final, member)
    if state == DEAD then remove(root .. K_DEAD .. name, member) end
    if state == CANCELLED then remove(root .. K_CANCELLED .. name, member) end
  end
end

-- Puts a job into the sets of the state that it enters; a finished one is kept until `till` at least.
local function enter(turn, queue, kind, rank, record, member, till)
  local to, name = turn.to, queue.name
  if to >= SUCCEEDED then
    local keep = text(till > turn.keep and math.min(till, FAR) or turn.keep)
    if to == SUCCEEDED then
      local together = queue.succeeded[keep] or list(queue.succeeded, keep)
      together[#together + 1] = member
    else
      add(queue.final, keep, member)
    end
    if to == DEAD then add(root .. K_DEAD .. name, '0', member) end
    if to == CANCELLED then add(root .. K_CANCELLED .. name, '0', member) end
  elseif to == READY then
    local run_at = turn.run_at or struct.unpack('<i8', record, RUN_AT_FROM)
    add(ready_set(name, kind, turn.crashes_then), ready_score(rank, run_at), member)
  elseif to == SCHEDULED then
    add(root .. K_SCHEDULED .. name, text(turn.run_at), member)
  end
end

-- Writes what changes of a record, which is its beginning, and returns that; `result` becomes the end of the record.
local function write(turn, key, record, start, result)
  local beginning = turn.beginning
  if start then beginning = beginning .. start end
  if turn.loses then beginning = beginning .. sub(record, #beginning + 1, TOKEN_FROM - 1) .. NOBODY end
  if turn.run_at then
    beginning = beginning .. sub(record, #beginning + 1, WORKER_TO) .. pack('<i8', turn.run_at)
      .. (turn.outage_since or sub(record, OUTAGE_SINCE_FROM, OUTAGE_SINCE_TO))
      .. (turn.state >= SUCCEEDED and zero8 or sub(record, DEADLINE_FROM, DEADLINE_TO))
  end
  if result then
    local n = #records
    records[n + 1], records[n + 2] = key, beginning .. sub(record, #beginning + 1) .. result
  else
    local n = #patches
    patches[n + 1], patches[n + 2] = key, beginning
  end
  return beginning
end

-- Moves a job in the turn that its plan makes of it, where `key` is what its record is called. Returns the beginning of the record
-- as it is now; nothing where there is no turn or the record makes no sense.
-- `popped` is the member of a ready job that the caller takes out of its set; `start` what a claim writes: the limits that it
-- grants, token, worker; `result` becomes the end of the record.
local function move(turn, id, key, record, popped, start, result)
  local queue = turn and queue_in(record)
  if not queue then return nil end
  local state, to, name = turn.state, turn.to, queue.name
  local kind, rank, at
  if to < RUNNING or turn.keyed or state == READY and not popped then
    local ok, _, of, its, after = pcall(names, record)
    if not ok then return nil end
    kind, rank, at = of, its, after
  end
  local member = popped or sub(record, ORDER_FROM, ORDER_TO) .. id
  local deadline
  if turn.timely then deadline = struct.unpack('<i8', record, DEADLINE_FROM) end
  if to ~= state then
    moved(queue, record, state, to)
    leave(turn, queue, kind, rank, record, member, deadline, popped)
  end
  local till = 0
  if turn.keyed then
    local unique, scope, reuse, within = words(turn.flags, record, at)
    if unique then till = unique_moved(name, unique, scope, member, to) or 0 end
    if reuse and to == SUCCEEDED then
      till = math.max(till, now + within)
      add(root .. K_REUSE .. name .. ':' .. reuse, text(now), member)
    end
  end
  if to ~= RUNNING then enter(turn, queue, kind, rank, record, member, till) end
  if turn.forgets_progress then doomed[#doomed + 1] = root .. K_PROGRESS .. id end
  news[#news + 1] = id
  if to < RUNNING then woke(name, kind, 1) end
  return write(turn, key, record, start, result)
end

-- Describes a job that was moved, for whoever tells people: its id, its facts now, the worker that held it last, queue and kind.
local function told(id, facts, record)
  return id .. sub(facts, 1, FACTS_TO) .. sub(record, WORKER_FROM, WORKER_TO) .. sub(record, QUEUE_FROM, QUEUE_FROM + NAMES_BYTES - 1)
end

-- Jobs whose records were found corrupt, described.
local entombed = {}

-- Makes a job dead whose record is corrupt, found in a set of jobs in that state: of what it was only its place is left.
local function entomb(name, state, member)
  local id, kind = sub(member, 9), 'unknown'
  keep_failure(id, zero8, CORRUPT_CLASS, '\0\0', zero8, NOBODY, "the job's record makes no sense")
  local record = pack(CHANGING, RECORD_VERSION, DEAD, HAS_FAILURES + PAYLOAD_BESIDE, 0, 0, 0, 0, 1, CORRUPT, now, 0, 0, 0, NOBODY, NOBODY,
    now, 0, 0) .. '\0\0\0\0\0\0' .. now8 .. sub(member, 1, 8) .. pack('<Bc0Bc0b', #name, name, #kind, kind, 0)
  records[#records + 1] = prefix .. id
  records[#records + 1] = record
  add(root .. K_FINAL .. name, text(math.min(now + keep_dead, FAR)), member)
  add(root .. K_DEAD .. name, '0', member)
  moved(queue_of(name), record, state, DEAD)
  entombed[#entombed + 1] = told(id, record, record)
  news[#news + 1] = id
end

-- Sees to a job that could not be moved, and that the caller takes out of a set of jobs in that state: without a record it is
-- forgotten, and dead where its record is corrupt.
local function give_up(name, state, member, record)
  if not record then
    local queue = queue_of(name)
    queue.gone[#queue.gone + 1] = member
    moved(queue, nil, state, nil)
  elseif not sound(record) then
    entomb(name, state, member)
  end
end

-- The same of one that is still in its set.
local function drop(set, name, state, member, record)
  remove(set, member)
  give_up(name, state, member, record)
end

-- Notes that a lease of a worker ends then; one that is longer than leases can be is to be looked at at once.
local function note_lease(queue, worker, till)
  if till > lease_now + LONGEST_LEASE then till = 0 end
  redis.call('ZADD', root .. K_LEASES .. queue, 'LT', text(till), worker)
end
