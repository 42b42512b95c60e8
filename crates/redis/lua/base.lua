-- What scripts that write begin with: the clock, and what is gathered to be written.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the frame: how far tests moved the wall clock and the lease clock, how long to keep finished and dead jobs (each
--       a number of ms in 8 bytes), who asks (8 bytes), the fewest jobs that stay bundled (a byte), the channel of the bells
--
-- A script reads and checks, then gathers what is to be written, then calls `finish`, which writes it.
-- Words in capitals are constants, put in when the script is loaded: keys (`K_…`, keys.rs) and what Rust shares (shared.rs).
-- A call of a C function costs as much as a dozen steps of Lua, so that batches work things out once for jobs that are alike; and
-- a number as the argument of a command costs more than that, so that texts are given instead.

local wall_shift, lease_shift, keep_finished, keep_dead, asker, fewest = struct.unpack('<i8i8i8i8c8B', ARGV[1])
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local ms = math.floor(us / 1000)
local now, lease_now = ms + wall_shift, ms + lease_shift
local pack, band, prefix = struct.pack, bit.band, root .. K_RECORD
local find, concat = string.find, table.concat
local now8, zero8 = pack('<i8', now), '\0\0\0\0\0\0\0\0'

local records, patches, doomed = {}, {}, {}
local bundled, bundle_of, place_in = {}, {}, {} -- whole records that were read from bundles, and from where
local rings_work, rings_news, rings_cancels = false, false, false
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

local function count(name, state, by)
  local queue = queue_of(name)
  queue[state] = queue[state] + by
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

-- Adds members with the same score to a set in which an entry may be several; some may stand one after the other already.
local function add_runs(set, score, members)
  local all = concat(members)
  for from = 1, #all, RUN * MEMBER do add(set, score, sub(all, from, from + RUN * MEMBER - 1)) end
end

-- Returns whether somebody else has put this there: it names no job.
local function is_foreign(entry)
  return entry == '' or #entry % MEMBER ~= 0
end

-- Returns how many members stand one after the other in an entry. What somebody else has put there counts as one.
local function size_of(entry)
  return is_foreign(entry) and 1 or #entry / MEMBER
end

-- Adds to a list the members that stand in an entry.
local function members_in(entry, to)
  local n = #to
  if #entry == MEMBER or is_foreign(entry) then
    to[n + 1] = entry
    return to
  end
  for at = 1, #entry, MEMBER do
    n = n + 1
    to[n] = sub(entry, at, at + MEMBER - 1)
  end
  return to
end

-- Returns a number of 8 bytes; Lua compares texts as people of the server's country do.
local function order_of(member)
  return #member >= 8 and (struct.unpack('>I8', member)) or 0
end

-- Returns the entry of a set by order that has a member, or would have it between others.
local function entry_around(set, member)
  -- An entry that begins with the member comes after it.
  return redis.call('ZREVRANGEBYLEX', set, '[' .. member .. '\255', '-', 'LIMIT', '0', '1')[1]
end

-- Puts a member into a set by order, where it may be already; entries do not overlap.
local function put_in(set, member)
  local entry = entry_around(set, member)
  local members, order, place = entry and members_in(entry, {}) or {}, order_of(member), nil
  for at, other in ipairs(members) do
    if other == member then return end
    if not place and order_of(other) > order then place = at end
  end
  if place then
    table.insert(members, place, member)
    redis.call('ZREM', set, entry)
    redis.call('ZADD', set, '0', concat(members))
  else
    redis.call('ZADD', set, '0', member)
  end
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
      if #left < size_of(entry) then
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
  local left = redis.pcall('HINCRBY', grants, 'n' .. grant, text(-by))
  if type(left) ~= 'number' or left <= 0 then
    -- Gone, or somebody has put something else there.
    redis.pcall('HDEL', grants, grant, 'n' .. grant)
    redis.pcall('ZREM', root .. K_HELD .. name .. ':' .. worker, grant)
  end
end

-- Notes that a job is not what its bundle says any more, if it was.
local function unbundle(key)
  local its = bundle_of[key]
  if its then
    its.still, its.loosened = band(its.still, bit.bnot(bit.lshift(1, place_in[key]))), true
    bundled[key], bundle_of[key], place_in[key] = nil, nil, nil
  end
end

-- Writes which jobs left their bundles, and what happened to those that stayed.
local function flush_bundles()
  for at = 1, #patches, 2 do
    local key, beginning = patches[at], patches[at + 1]
    local record = bundled[key]
    if record then
      records[#records + 1] = key
      records[#records + 1] = beginning .. sub(record, #beginning + 1)
      patches[at] = false
    end
  end
  for at = 1, #records, 2 do unbundle(records[at]) end
  for _, key in ipairs(doomed) do unbundle(key) end
  for id, its in pairs(bundles) do
    if its and (its.cut or its.loosened) then
      local key = root .. K_BUNDLE .. id
      if its.still == 0 then
        doomed[#doomed + 1] = key
      elseif its.cut then
        local parts = { pack('<I4', its.still) }
        for _, stretch in ipairs(its) do parts[#parts + 1] = char(stretch.size) .. stretch.beginning end
        records[#records + 1] = key
        records[#records + 1] = concat(parts)
      else
        patches[#patches + 1] = key
        patches[#patches + 1] = pack('<I4', its.still)
      end
      its.cut, its.loosened = nil, nil
    end
  end
end

-- Writes what was gathered so far.
local function flush()
  for name, queue in pairs(queues) do
    for keep, members in pairs(queue.succeeded) do add_runs(queue.final, keep, members) end
    take_out(root .. K_ALL .. name, queue.gone)
  end
  if next(bundles) then flush_bundles() end
  for set, members in pairs(removed) do in_chunks('ZREM', set, members) end
  for set, scored in pairs(added) do in_chunks('ZADD', set, scored) end
  in_chunks('MSET', nil, records)
  local call = redis.call
  for at = 1, #patches, 2 do
    if patches[at] then call('SETRANGE', patches[at], '0', patches[at + 1]) end
  end
  in_chunks('DEL', nil, doomed)
  for name, queue in pairs(queues) do
    -- Not before all that may fail: a call that is repeated must not count it down again.
    for grant, loosened in pairs(queue.grants) do loosen(name, grant, loosened.worker, loosened.by) end
    for state = SCHEDULED, CANCELLED do
      if queue[state] ~= 0 then
        redis.call('HINCRBY', root .. K_QUEUE .. name, 'n' .. char(48 + state), text(queue[state]))
      end
    end
  end
  records, patches, doomed, added, removed, queues, last_queue = {}, {}, {}, {}, {}, {}, nil
end

-- Writes what was gathered, and rings the bells of others; returns which rang.
local function finish()
  flush()
  local bells = (rings_work and BELL_WORK or 0) + (rings_news and BELL_NEWS or 0) + (rings_cancels and BELL_CANCELS or 0)
  if bells > 0 then redis.call('PUBLISH', sub(ARGV[1], 42), asker .. char(bells)) end
  return bells
end

-- Returns what the records of these jobs are called.
local function keys_of(ids)
  local keys = {}
  for at = 1, #ids do keys[at] = prefix .. ids[at] end
  return keys
end

-- Reads one string by a command; nothing where there is none, or somebody has put something else there.
local function read_one(...)
  local value = redis.pcall(...)
  return type(value) == 'string' and value or nil
end

-- Returns a record as a whole, which may be moved then.
local function unfold(key, record)
  local its, place
  record, its, place = whole(record)
  if its then bundled[key], bundle_of[key], place_in[key] = record, its, place end
  return record
end

-- Reads a record of which this script may have written something already.
local function read_anew(key)
  flush()
  return unfold(key, redis.call('GET', key))
end

-- Reads records whose keys stand in a list from one place to another, as they are stored; false where there is none.
local function read(keys, first, last)
  if last - first < CHUNK then return first <= last and redis.call('MGET', unpack(keys, first, last)) or {} end
  local all = {}
  for from = first, last, CHUNK do
    local values = redis.call('MGET', unpack(keys, from, math.min(from + CHUNK - 1, last)))
    for at = 1, #values do all[from - first + at] = values[at] end
  end
  return all
end
