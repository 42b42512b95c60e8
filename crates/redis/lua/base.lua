-- What scripts that write begin with: the clock, and what is gathered to be written.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the frame: how far tests moved the wall clock and the lease clock, how long to keep finished and dead jobs (each
--       a number of ms in 8 bytes), the process that asks (16 bytes), whether a channel has as many listeners as PUBLISH says
--       (a byte), what the names of channels begin with
--
-- A script reads and checks, then gathers what is to be written, then calls `finish`, which writes it.
-- Words in capitals are constants, put in when the script is loaded: keys (`K_…`, keys.rs) and what Rust shares (shared.rs).
-- A call of a C function costs as much as a dozen steps of Lua, so that batches work things out once for jobs that are alike; and
-- a number as the argument of a command costs more than that, so that texts are given instead.

local wall_shift, lease_shift, keep_finished, keep_dead, asker, exact = struct.unpack('<i8i8i8i8c16B', ARGV[1])
local channels = sub(ARGV[1], 50)
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local ms = math.floor(us / 1000)
local now, lease_now = ms + wall_shift, ms + lease_shift
local pack, band, prefix = struct.pack, bit.band, root .. K_RECORD
local find, concat = string.find, table.concat
local now8, zero8 = pack('<i8', now), '\0\0\0\0\0\0\0\0'

local records, patches, doomed = {}, {}, {}
-- What is to be told: how many jobs of which queue and kind may be claimed or will be due, which jobs have changed; whether any job
-- may be claimable now, and whether a running job was called off.
local work, news, all_work, cancels = {}, {}, false, false
local added, removed, queues, last_queue = {}, {}, {}, nil

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
    local opening = char(#name) .. name -- as in a record
    queue = { name = name, opening = opening, final = root .. K_FINAL .. name,
      grants = {}, succeeded = {}, gone = {}, [0] = 0, 0, 0, 0, 0, 0 }
    queues[name] = queue
  end
  last_queue = queue
  return queue
end

-- The ledger: every path that moves a job calls it, and whatever is counted of jobs is counted here. A new job has no state
-- before, a deleted one none afterwards. The record has the kind and the key of the job; nothing where it is gone.
local function moved(queue, record, from, to)
  if from then queue[from] = queue[from] - 1 end
  if to then queue[to] = queue[to] + 1 end
end

local function in_chunks(command, key, values)
  for from = 1, #values, CHUNK do
    local to = math.min(from + CHUNK - 1, #values)
    if key then
      redis.call(command, key, unpack(values, from, to))
    else
      redis.call(command, unpack(values, from, to))
    end
  end
end

local function ready_set(queue, kind, crashes)
  return root .. (crashes >= 2 and K_ALONE or K_READY) .. queue .. ':' .. kind
end

local function ready_score(rank, run_at)
  return text((rank + 100) * RANK + run_at)
end

-- Adds members with the same score to a set in which an entry may be several.
local function add_runs(set, score, members)
  local all = concat(members)
  for from = 1, #all, RUN * MEMBER do add(set, score, sub(all, from, from + RUN * MEMBER - 1)) end
end

-- Adds to a list the members that stand one after the other in an entry.
local function members_in(entry, to)
  local n = #to
  for at = 1, #entry, MEMBER do
    n = n + 1
    to[n] = sub(entry, at, at + MEMBER - 1)
  end
  return to
end

-- Returns the order of a member as a number; Lua compares texts as people of the server's country do.
local function order_of(member)
  return (struct.unpack('>I8', member))
end

-- Returns the entry of a set by order that has a member, or would have it between others; nothing where the set is empty.
local function entry_around(set, member)
  -- An entry that begins with the member comes after it.
  return redis.call('ZREVRANGEBYLEX', set, '[' .. member .. '\255', '-', 'LIMIT', '0', '1')[1]
end

-- Takes members out of the entries of a set by order.
local function take_out(set, members)
  local gone = {}
  for _, member in ipairs(members) do gone[member] = true end
  for _, member in ipairs(members) do
    local entry = gone[member] and entry_around(set, member)
    if entry then
      local left = {}
      for _, other in ipairs(members_in(entry, {})) do
        if gone[other] then gone[other] = nil else left[#left + 1] = other end
      end
      if #left < #entry / MEMBER then
        redis.call('ZREM', set, entry)
        if left[1] then redis.call('ZADD', set, '0', concat(left)) end
      end
    end
  end
end

-- Takes a member out of a set by score, in which an entry may be several.
local function take_out_at(set, score, member)
  if redis.call('ZREM', set, member) == 1 then return end
  local seen = 0
  repeat
    local entries = redis.call('ZRANGEBYSCORE', set, score, score, 'LIMIT', text(seen), '100')
    for _, entry in ipairs(entries) do
      local at = #entry > MEMBER and entry:find(member, 1, true)
      if at and at % MEMBER == 1 then
        redis.call('ZREM', set, entry)
        redis.call('ZADD', set, score, sub(entry, 1, at - 1) .. sub(entry, at + MEMBER))
        return
      end
    end
    seen = seen + #entries
  until #entries < 100
end

-- Counts a grant down; forgets it where it holds nothing any more.
local function loosen(name, grant, worker, by)
  local grants = root .. K_GRANTS .. name
  if redis.call('HINCRBY', grants, 'n' .. grant, text(-by)) <= 0 then
    redis.call('HDEL', grants, grant, 'n' .. grant)
    redis.call('ZREM', root .. K_HELD .. name .. ':' .. worker, grant)
  end
end

-- Writes what was gathered so far.
local function flush()
  for name, queue in pairs(queues) do
    for keep, members in pairs(queue.succeeded) do add_runs(queue.final, keep, members) end
    take_out(root .. K_ALL .. name, queue.gone)
  end
  for set, members in pairs(removed) do in_chunks('ZREM', set, members) end
  for set, scored in pairs(added) do in_chunks('ZADD', set, scored) end
  in_chunks('MSET', nil, records)
  for at = 1, #patches, 2 do redis.call('SETRANGE', patches[at], '0', patches[at + 1]) end
  in_chunks('DEL', nil, doomed)
  for name, queue in pairs(queues) do
    for grant, loosened in pairs(queue.grants) do loosen(name, grant, loosened.worker, loosened.by) end
    for state = SCHEDULED, CANCELLED do
      if queue[state] ~= 0 then
        redis.call('HINCRBY', root .. K_QUEUE .. name, 'n' .. char(48 + state), text(queue[state]))
      end
    end
  end
  records, patches, doomed, added, removed, queues, last_queue = {}, {}, {}, {}, {}, {}, nil
end

-- Notes jobs that may be claimed, or will be due.
local function woke(queue, kind, n)
  local of = list(work, queue)
  of[kind] = (of[kind] or 0) + n
end

-- Tells a process of a job; returns whether there is such a process.
local function tell(process, queue, kind)
  local listeners = redis.call('PUBLISH', channels .. CHANNEL_WORK .. process, char(#queue) .. queue .. kind)
  return listeners > 0 or exact == 0
end

-- Tells workers that wait for jobs of that kind, one a job: those first that have not looked for longest. Those that have not for very
-- long are gone. A member of a set of those that wait is the process, and the worker.
local function wake(queue, kind, n)
  for _, group in ipairs(redis.call('ZREVRANGE', root .. K_GROUPS .. queue .. ':' .. kind, '0', '99')) do
    local waiting = root .. K_WAITING .. queue .. ':' .. group
    while n > 0 do
      local member = redis.call('ZPOPMIN', waiting)
      if not member[1] then break end
      if tonumber(member[2]) > ms - WAITING_KEPT and tell(sub(member[1], 1, 16), queue, kind) then n = n - 1 end
    end
    if n <= 0 then break end
  end
end

-- Writes what was gathered, and tells whom it concerns.
local function finish()
  flush()
  for queue, kinds in pairs(work) do
    for kind, n in pairs(kinds) do wake(queue, kind, n) end
  end
  -- Too many are not named.
  if news[1] then redis.call('PUBLISH', channels .. CHANNEL_NEWS, news[CHUNK] and '' or concat(news)) end
  local told = (all_work and TELLS_ALL_WORK or 0) + (cancels and TELLS_CANCELS or 0)
  if told > 0 then redis.call('PUBLISH', channels .. CHANNEL_ALL, char(told)) end
end

-- Returns what the records of these jobs are called.
local function keys_of(ids)
  local keys = {}
  for at = 1, #ids do keys[at] = prefix .. ids[at] end
  return keys
end

-- Reads a record of which this script may have written something already.
local function read_anew(key)
  flush()
  return redis.call('GET', key)
end

-- Reads the records with these keys; false where there is none.
local function read(keys)
  local all = {}
  for from = 1, #keys, CHUNK do
    local values = redis.call('MGET', unpack(keys, from, math.min(from + CHUNK - 1, #keys)))
    for at = 1, #values do all[from + at - 1] = values[at] end
  end
  return all
end
