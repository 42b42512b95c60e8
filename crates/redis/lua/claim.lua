#!lua flags=allow-oom
-- Hands ready jobs of one queue to a worker; or, where the claim is known, the same as before, as far as they are still held.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 worker  4 nonce (8 bytes)  5 random bits of the tokens (8 bytes)
--       6 how many (I4), lease in ms (i8), whether one that must run alone may be handed out, whether the claim asks other
--       queues as well (B each), the newest level of rules that the worker knows (H), how many may be buried (I4)
--       7… the kinds: how many of each (I4), its limits (attempts, time-out in ms: H I4; 0 for none), its name
-- Out:  1 what is known of the claim, ms until the next look (-1: when there is a notification), whether one waits that must run alone,
--       how many were handed out the first time, whether that one must run alone; what holds the queue back, ms until that ends by
--       itself (-1: it does not); now
--       2 the members of the jobs, one after the other  3 for each job its record, followed by its payload where that is large
--       4 the jobs that were buried, described

local queue, worker, nonce, bits = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, lease, may_alone, several, known_level, bury_most = struct.unpack('<I4i8BBHI4', ARGV[6])
local claim_format = '<Bc8i8I8I4B'
local kinds, wanted, limits = {}, {}, {}
for at = 7, #ARGV do
  local kind = at - 6
  wanted[kind], limits[kind] = struct.unpack('<I4c6', ARGV[at])
  kinds[kind] = sub(ARGV[at], 11)
end
local meta, workers = root .. K_QUEUE .. queue, root .. K_WORKERS .. queue
local held_set, grants_hash = root .. K_HELD .. queue .. ':' .. worker, root .. K_GRANTS .. queue
local lease_end = math.min(lease_now + lease, FAR)
local lease_text = text(lease_end)

-- Returns a record as it is answered: with the payload, where that is not part of it.
local function with_payload(id, record, large)
  return large and record .. (redis.call('GET', root .. K_PAYLOAD .. id) or '') or record
end

-- Returns what this worker holds of the claim that was handed those tokens, under leases that begin anew: the first answer may have
-- been lost long ago.
local function held_of(first, handed)
  local members, its = {}, {}
  for number = first, first + handed - 1, GRANT do its[sub(pack('>I8', number), 1, 7)] = true end
  for _, entry in ipairs(redis.call('ZRANGE', held_set, 0, -1)) do
    if #entry == MEMBER then members[#members + 1] = entry end
    if its[entry] then members_in(redis.call('HGET', grants_hash, entry) or '', members) end
  end
  local all, ids = look_up(members)
  local found, seen = {}, {}
  for at, record in ipairs(all) do
    -- One whose lease was renewed may still be named by its grant.
    if record and not seen[ids[at]] and byte(record, STATE_AT) == RUNNING
      and sub(record, WORKER_FROM, WORKER_TO) == worker then
      local number, flags = struct.unpack('>I8', record, TOKEN_FROM), struct.unpack('<H', record, FLAGS_FROM)
      if number >= first and number < first + handed then
        seen[ids[at]] = true
        local large = band(flags, PAYLOAD_BESIDE) ~= 0
        found[#found + 1] = { number = number, member = members[at], record = with_payload(ids[at], record, large) }
        add(held_set, lease_text, band(flags, GRANTED) ~= 0 and sub(record, TOKEN_FROM, GRANT_TO) or members[at])
      end
    end
  end
  table.sort(found, function(one, other) return one.number < other.number end)
  if found[1] then note_lease(queue, worker, lease_end) end
  return found
end

local earlier, noted = redis.call('HGET', workers, worker), 0
if earlier then
  local released, of, seen, first, handed, solo = struct.unpack(claim_format, earlier)
  local known = released == 1 and RELEASED or of == nonce and REPEATED or FRESH
  if known ~= FRESH then
    local members, jobs = {}, {}
    for at, job in ipairs(known == REPEATED and held_of(first, handed) or {}) do members[at], jobs[at] = job.member, job.record end
    finish()
    return { pack('<Bi8BI4BBi8i8', known, -1, 0, handed, solo, NOTHING, -1, now), concat(members), jobs, {} }
  end
  noted = seen
end

-- Remembers this claim, so that its repeat is recognised; and now and then that the worker is there.
local function remember(first, handed, solo)
  if now - noted >= NOTE_EVERY or now < noted then
    redis.call('ZADD', root .. K_WORKERS_SEEN .. queue, text(now), worker)
    noted = now
  end
  redis.call('HSET', workers, worker, pack(claim_format, 0, nonce, noted, first, handed, solo))
end

-- Notes that the queue has a worker.
local function note_presence(since, seen)
  if now - seen >= NOTE_EVERY or now < seen then
    if now - seen > PRESENCE_GAP then since = now end
    redis.call('HSET', meta, 'since', text(since), 'seen', text(now))
  end
end

local promoted = {}
-- Makes scheduled jobs whose time has come ready; returns how long until the next one's has, or nothing.
local function promote()
  local scheduled = root .. K_SCHEDULED .. queue
  local next_due = redis.call('ZRANGE', scheduled, '0', '0', 'WITHSCORES')
  if next_due[1] and tonumber(next_due[2]) <= now then
    local members = redis.call('ZRANGEBYSCORE', scheduled, '-inf', text(now), 'LIMIT', 0, ROWS)
    local all, ids, keys = look_up(members)
    local due, ready = plan_of(DUE), {}
    for at, record in ipairs(all) do
      if record and move(turn_for(due, record), ids[at], keys[at], record) then
        local _, kind = names(record)
        ready[kind], promoted[members[at]] = true, true
      else
        drop(scheduled, queue, SCHEDULED, members[at], record)
      end
    end
    for kind in pairs(ready) do redis.call('SADD', root .. K_KINDS .. queue, kind) end
    flush()
    next_due = redis.call('ZRANGE', scheduled, '0', '0', 'WITHSCORES')
  end
  return next_due[1] and math.max(tonumber(next_due[2]) - now, 0)
end

local its = redis.call('HMGET', meta, 'since', 'seen', 'token', 'rules_level', 'paused_until')
note_presence(tonumber(its[1] or 0), tonumber(its[2] or 0))
local look_in = promote()
local function look_again(wait)
  if wait and (not look_in or wait < look_in) then look_in = wait end
end
local most, why, till = admit(tonumber(its[4] or 0), known_level, tonumber(its[5] or 0), now)
local held_for = till and till - now
look_again(held_for)
local asked = limit
limit = math.min(limit, most)

-- Finds up to n of the best jobs in sets of this sort, no more of a kind than is wanted; returns their members, the kind of each, and
-- the entries that were read of each kind.
local function best(kept, n)
  local entries, members, from, chosen_of = {}, {}, {}, {}
  local wanting = {}
  for kind = 1, #kinds do
    if wanted[kind] > 0 then wanting[#wanting + 1] = kind end
  end
  local function read_on(kind, many, scored)
    local read = list(entries, kind)
    local range = { root .. kept .. queue .. ':' .. kinds[kind], text(#read), text(#read + many - 1), scored }
    local found = redis.call('ZRANGE', unpack(range))
    for at = 1, #found, scored and 2 or 1 do read[#read + 1] = found[at] end
    return found
  end
  if #wanting == 1 then
    local kind, size, per_entry = wanting[1], 0, RUN
    n = math.min(n, wanted[kind])
    repeat
      local many = math.ceil((n - size) / per_entry) + 1
      local found = read_on(kind, many)
      for _, entry in ipairs(found) do size = size + #entry / MEMBER end
      per_entry = math.max(size / #entries[kind], 1)
    until size >= n or #found < many
    members_in(sub(concat(entries[kind]), 1, n * MEMBER), members)
    for at = 1, #members do from[at] = kind end
    return members, from, entries
  end
  -- The best of each kind in turn, read in stretches.
  local stretch = math.max(math.ceil(2 * n / #kinds / RUN), 4)
  local reads, places, heads, bests, at_head, live = {}, {}, {}, {}, {}, {}
  local function next_of(kind)
    local read = reads[kind]
    if not read or not read[places[kind] + 2] then
      read = read_on(kind, stretch, 'WITHSCORES')
      reads[kind], places[kind] = read, -1
    end
    places[kind] = places[kind] + 2
    local entry = read[places[kind]]
    bests[kind] = tonumber(read[places[kind] + 1])
    heads[kind], at_head[kind] = entry and members_in(entry, {}), 1
    return entry
  end
  for _, kind in ipairs(wanting) do
    if next_of(kind) then live[#live + 1] = kind end
    chosen_of[kind] = 0
  end
  while #members < n and live[1] do
    local chosen, place = live[1], 1
    for at = 2, #live do
      local kind = live[at]
      if bests[kind] < bests[chosen] or bests[kind] == bests[chosen]
        and order_of(heads[kind][at_head[kind]]) < order_of(heads[chosen][at_head[chosen]]) then
        chosen, place = kind, at
      end
    end
    local count, at = #members + 1, at_head[chosen]
    members[count], from[count], at_head[chosen] = heads[chosen][at], chosen, at + 1
    chosen_of[chosen] = chosen_of[chosen] + 1
    local more = heads[chosen][at + 1] or next_of(chosen)
    if not more or chosen_of[chosen] == wanted[chosen] then table.remove(live, place) end
  end
  return members, from, entries
end

-- Takes the first n that were found out of their sets: each set gives up its best.
local function take(kept, from, entries, n)
  local of = {}
  for at = 1, n do of[from[at]] = (of[from[at]] or 0) + 1 end
  for kind, its_entries in pairs(entries) do
    local set, last, left = root .. kept .. queue .. ':' .. kinds[kind], 0, of[kind] or 0
    for _, entry in ipairs(its_entries) do
      if left == 0 then break end
      local size = #entry / MEMBER
      if size > left then redis.call('ZADD', set, redis.call('ZSCORE', set, entry), sub(entry, left * MEMBER + 1)) end
      left, last = math.max(left - size, 0), last + 1
    end
    -- What is left of the last entry came after it.
    if last > 0 then redis.call('ZREMRANGEBYRANK', set, '0', text(last - 1)) end
  end
end

-- Returns what is granted of a limit: `longshore_core::KindLimits`.
local function granted(asked, most, default)
  if asked == 0 or most == 0 then return asked + most > 0 and asked + most or default end
  return math.min(asked, most)
end

local granted_of = {}
-- Returns the limits that a job of that kind runs under, as they stand in its record.
local function limits_of(kind, record)
  local asked, known = sub(record, LIMITS_FROM, LIMITS_TO), list(granted_of, kind)
  if not known[asked] then
    local attempts, timeout = struct.unpack('<HI4', asked)
    local most_attempts, most_timeout = struct.unpack('<HI4', limits[kind])
    known[asked] = pack('<HI4', granted(attempts, most_attempts, DEFAULT_ATTEMPTS), granted(timeout, most_timeout, DEFAULT_TIMEOUT))
  end
  return known[asked]
end

-- The tokens of a claim are whole grants, so that no other claim has part in them.
local first = math.ceil(math.max(tonumber(its[3] or 0) + 1, us) / GRANT) * GRANT
local number, bytes = first, 0
local handed_out, jobs, buried = {}, {}, {}
local grants, grant = {}, nil

-- Begins the next grant, of which the jobs are that get the next tokens.
local function begin_grant()
  grant = { opening = sub(pack('>I8', number), 1, 7) }
  grants[#grants + 1] = grant
end
begin_grant()

-- Hands a ready job to the worker in the turn that one of these plans makes; returns whether that could be. `together` says that it
-- is held by the grant.
local crowd, single = plan_of(CLAIM, nil, GRANTED), plan_of(CLAIM)
local function start(turn, kind, member, id, key, record, together)
  local token = grant.opening .. char(number % GRANT) .. bits
  local beginning = move(turn, id, key, record, member, limits_of(kind, record) .. token .. worker)
  if not beginning then return false end
  local job = with_payload(id, beginning .. sub(record, #beginning + 1), turn.large)
  jobs[#jobs + 1], handed_out[#handed_out + 1] = job, member
  number, bytes, wanted[kind] = number + 1, bytes + #job, wanted[kind] - 1
  -- One that became ready just now is nobody else's work.
  if promoted[member] then woke(queue, kinds[kind], -1) end
  if together then grant[#grant + 1] = member else add(held_set, lease_text, member) end
  if number % GRANT == 0 then begin_grant() end
  return true
end

-- Buries a ready job that missed its deadline; returns whether that could be.
local late = plan_of(BURY, EXPIRED)
local function bury(member, id, key, record)
  local facts = move(turn_for(late, record), id, key, record, member)
  if facts then buried[#buried + 1] = told(id, facts, record) end
  return facts
end

local function is_late(turn, record)
  return turn and turn.timely and struct.unpack('<i8', record, DEADLINE_FROM) <= now
end

-- Hands out up to n of the best jobs, and takes them out of their sets; returns how many it came to, and whether it stopped at a
-- bound. One that missed its deadline, or makes no sense, is dead instead and stops nobody.
local function hand_out(kept, n)
  local members, from, entries = best(kept, n)
  if not members[1] then return 0, false end
  local all, ids, keys = look_up(members)
  local together, many = #members > 1, #members
  for at, member in ipairs(members) do
    local id, key, record = ids[at], keys[at], all[at]
    local turn = record and turn_for(together and crowd or single, record)
    local expired = is_late(turn, record)
    if bytes > CLAIM_BYTES or expired and #buried >= bury_most then
      many = at - 1
      break
    end
    local moves
    if expired then
      moves = bury(member, id, key, record)
    else
      moves = turn and start(turn, from[at], member, id, key, record, together)
    end
    if not moves then give_up(queue, READY, member, record) end
  end
  take(kept, from, entries, many)
  return many, many < #members
end

-- Returns whether a job waits that must run alone.
local function has_alone()
  local sets = {}
  for at, kind in ipairs(kinds) do sets[at] = root .. K_ALONE .. queue .. ':' .. kind end
  for from = 1, #sets, CHUNK do
    if redis.call('EXISTS', unpack(sets, from, math.min(from + CHUNK - 1, #sets))) > 0 then return true end
  end
  return false
end

-- Notes that the worker waits for jobs of the kinds that are still wanted, by the clock that nobody moves.
local function wait()
  local names = {}
  for kind, name in ipairs(kinds) do
    if wanted[kind] > 0 then names[#names + 1] = name end
  end
  local group = sub(redis.sha1hex(concat(names, ' ')), 1, 16)
  local waiting = root .. K_WAITING .. queue .. ':' .. group
  local is_new = redis.call('ZADD', waiting, text(ms), asker .. worker) == 1
  redis.call('EXPIRE', waiting, GROUP_KEPT / 1000)
  if is_new then
    redis.call('ZREMRANGEBYSCORE', waiting, '-inf', text(ms - WAITING_KEPT)) -- these are gone
  end
  if redis.call('SET', root .. K_GROUP .. queue .. ':' .. group, '', 'NX', 'EX', GROUP_NOTED / 1000) then
    for _, name in ipairs(names) do
      local groups = root .. K_GROUPS .. queue .. ':' .. name
      redis.call('ZADD', groups, text(ms), group)
      redis.call('ZREMRANGEBYSCORE', groups, '-inf', text(ms - GROUP_KEPT))
      redis.call('EXPIRE', groups, 2 * GROUP_KEPT / 1000)
    end
  end
end

local alone_waits, looked, seen, stopped, solo = false, 0, 0, false, 0
if most > 0 then
  alone_waits = has_alone()
  if alone_waits and may_alone == 1 then
    -- The worker runs nothing, and goes on to run nothing but this one.
    while solo == 0 and not stopped and limit > 0 do
      seen, stopped = hand_out(K_ALONE, 1)
      looked = looked + seen
      if seen == 0 then break end
      stopped = stopped or looked >= ROWS
      if number > first then solo = 1 end
    end
  end
  -- It is kept free for one that must run alone, even while it wants none of that kind.
  if solo == 0 and not stopped and not (alone_waits and may_alone == 1 and has_alone()) then
    while not stopped and number - first < limit do
      local before = number
      seen, stopped = hand_out(K_READY, limit - (number - first))
      looked = looked + seen
      -- Where none of them had to be dropped, there are no more.
      if seen == number - before then break end
      stopped = stopped or looked >= ROWS + limit
    end
  end
  -- Many that could not be handed out were in the way: there is more to do at once.
  if stopped and solo == 0 and number - first < limit then look_again(0) end
end

local handed = number - first
if handed > 0 then
  redis.call('HSET', meta, 'token', text(number - 1))
  note_lease(queue, worker, lease_end)
  local fields = {}
  for _, grant in ipairs(grants) do
    if grant[1] then
      add(held_set, lease_text, grant.opening)
      local n = #fields
      fields[n + 1], fields[n + 2] = grant.opening, concat(grant)
      fields[n + 3], fields[n + 4] = 'n' .. grant.opening, text(#grant)
    end
  end
  if fields[1] then redis.call('HSET', grants_hash, unpack(fields)) end
end
if handed > 0 or several == 1 then remember(first, handed, solo) end
if handed < asked and solo == 0 and why == NOTHING then wait() end
for _, job in ipairs(entombed) do buried[#buried + 1] = job end
finish()
local head = pack('<Bi8BI4BBi8i8', FRESH, look_in or -1, alone_waits and 1 or 0, handed, solo, why, held_for or -1, now)
return { head, concat(handed_out), jobs, buried }
