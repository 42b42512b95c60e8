#!lua flags=allow-oom
-- Hands ready jobs of one queue to a worker; or, where the claim is known, the same as before, as far as they are still held.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 worker  4 nonce (8 bytes)  5 random bits of the tokens (8 bytes)
--       6 how many (I4), lease in ms (i8), whether one that must run alone may be handed out, whether the claim asks other
--       queues as well (B each)  7… the kinds
-- Out:  1 bells, what is known of the claim, ms until the next job is due (-1: none is), whether one waits that must run alone,
--       how many were handed out the first time, whether that one must run alone, and the number of the first token
--       2 the members of the jobs, one after the other  3… for each job its record, followed by its payload where that is large.
--       Records are those of before a fresh claim, whose tokens follow one another, but those of after a repeated one

local queue, worker, nonce, bits = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, lease, may_alone, several = struct.unpack('<I4i8BB', ARGV[6])
local claim_format = '<Bc8i8I8I4B'
local kinds = {}
for at = 7, #ARGV do kinds[at - 6] = ARGV[at] end
local meta, workers = root .. K_QUEUE .. queue, root .. K_WORKERS .. queue
local held_set, grants_hash = root .. K_HELD .. queue .. ':' .. worker, root .. K_GRANTS .. queue
local lease_end = math.min(lease_now + lease, FAR)
local lease_text = text(lease_end)

-- Answers with jobs: their members, and their records.
local function answer(known, due, alone_waits, handed, solo, first, members, jobs)
  jobs[1] = pack('<BBi8BI4BI8', finish(), known, due, alone_waits and 1 or 0, handed, solo, first)
  jobs[2] = concat(members)
  return jobs
end

local earlier, noted = redis.call('HGET', workers, worker), 0
if earlier then
  local released, of, seen, first, handed, solo = struct.unpack(claim_format, earlier)
  if released == 1 then return answer(RELEASED, -1, false, 0, 0, 0, {}, {}) end
  if of == nonce then
    -- The first answer may have been lost long ago: the lease begins anew.
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
      if record and not seen[ids[at]] and byte(record, 1) == RUNNING
        and sub(record, WORKER_FROM, WORKER_TO) == worker then
        local number = struct.unpack('>I8', record, TOKEN_FROM)
        if number >= first and number < first + handed then
          seen[ids[at]] = true
          found[#found + 1] = { number = number, record = record, id = ids[at], member = members[at] }
          local granted = band(struct.unpack('<H', record, 2), GRANTED) ~= 0
          add(held_set, lease_text, granted and sub(record, TOKEN_FROM, GRANT_TO) or members[at])
        end
      end
    end
    table.sort(found, function(one, other) return one.number < other.number end)
    local jobs, its_members = { '', '' }, {}
    for at, job in ipairs(found) do
      local payload = ''
      if band(struct.unpack('<H', job.record, 2), PAYLOAD_BESIDE) ~= 0 then
        payload = redis.call('GET', root .. K_PAYLOAD .. job.id) or ''
      end
      its_members[at], jobs[at + 2] = job.member, job.record .. payload
    end
    if found[1] then note_lease(queue, worker, lease_end) end
    return answer(REPEATED, -1, false, handed, solo, first, its_members, jobs)
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

local known = redis.call('HMGET', meta, 'since', 'seen', 'token', 'paused')
local seen = tonumber(known[2] or 0)
if now - seen >= NOTE_EVERY or now < seen then
  local since = tonumber(known[1] or 0)
  if now - seen > PRESENCE_GAP then since = now end
  redis.call('HSET', meta, 'since', text(since), 'seen', text(now))
end

-- Makes scheduled jobs whose time has come ready.
local scheduled = root .. K_SCHEDULED .. queue
local next_due = redis.call('ZRANGE', scheduled, '0', '0', 'WITHSCORES')
if next_due[1] and tonumber(next_due[2]) <= now then
  local members = redis.call('ZRANGEBYSCORE', scheduled, '-inf', text(now), 'LIMIT', 0, ROWS)
  local all, ids, keys = look_up(members)
  local due, ready = plan_of(DUE), {}
  for at, record in ipairs(all) do
    if record and move(turn_for(due, record), ids[at], keys[at], record) then
      local _, kind = names(record)
      ready[kind] = true
    else
      drop(scheduled, queue, SCHEDULED, members[at], record)
    end
  end
  for kind in pairs(ready) do redis.call('SADD', root .. K_KINDS .. queue, kind) end
  flush()
  next_due = redis.call('ZRANGE', scheduled, '0', '0', 'WITHSCORES')
end
local due = next_due[1] and math.max(tonumber(next_due[2]) - now, 0) or -1

local resumes
if known[4] then
  local _, till = struct.unpack('<i8i8', known[4])
  if till < 0 then resumes = FAR elseif till > now then resumes = till - now end
end
if resumes or #kinds == 0 then
  if resumes and resumes < FAR and (due < 0 or resumes < due) then due = resumes end
  if several == 1 then remember(0, 0, 0) end
  return answer(FRESH, due, false, 0, 0, 0, {}, {})
end

-- Finds up to n of the best jobs of these kinds; returns their members, which kind each is of (nothing where there is one kind),
-- and the entries that were read of each kind.
local function best(kept, n)
  local entries = {}
  local function read_on(kind, many, scored)
    local read = entries[kind] or {}
    entries[kind] = read
    local range = { root .. kept .. queue .. ':' .. kinds[kind], text(#read), text(#read + many - 1), scored }
    local found = redis.call('ZRANGE', unpack(range))
    for at = 1, #found, scored and 2 or 1 do read[#read + 1] = found[at] end
    return found
  end
  if #kinds == 1 then
    local size, per_entry = 0, RUN
    repeat
      local many = math.ceil((n - size) / per_entry) + 1
      local found = read_on(1, many)
      for _, entry in ipairs(found) do size = size + #entry / MEMBER end
      per_entry = math.max(size / #entries[1], 1)
    until size >= n or #found < many
    return members_in(sub(concat(entries[1]), 1, n * MEMBER), {}), nil, entries
  end
  -- The best of each kind in turn, read in stretches.
  local stretch = math.max(math.ceil(2 * n / #kinds / RUN), 4)
  local reads, places, heads, bests, at_head, live = {}, {}, {}, {}, {}, {}
  local members, from = {}, {}
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
  for kind = 1, #kinds do
    if next_of(kind) then live[#live + 1] = kind end
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
    if not heads[chosen][at + 1] and not next_of(chosen) then table.remove(live, place) end
  end
  return members, from, entries
end

-- Takes the first n that were found out of their sets: each set gives up its best.
local function take(kept, from, entries, n)
  local of = {}
  if from then
    for at = 1, n do of[from[at]] = (of[from[at]] or 0) + 1 end
  else
    of[1] = n
  end
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

-- The tokens of a claim are whole grants, so that no other claim has part in them.
local first = math.ceil(math.max(tonumber(known[3] or 0) + 1, us) / GRANT) * GRANT
local number, bytes = first, 0
local handed_out, jobs = {}, { '', '' }
local grants, grant = {}, nil
local together, single
grant_holder = bits .. worker

-- Begins the next grant, of which the jobs are that get the next tokens.
local function begin_grant()
  grant_opening = sub(pack('>I8', number), 1, 7)
  grant = { opening = grant_opening }
  grants[#grants + 1] = grant
  together, single = plan_of(CLAIM, nil, GRANTED), plan_of(CLAIM)
end
begin_grant()

-- Notes that a job was handed out; `granted` says that it is held by the grant.
local function note_handed(member, granted)
  handed_out[#handed_out + 1] = member
  if granted then
    grant[#grant + 1] = member
  else
    add(held_set, lease_text, member)
  end
  if number % GRANT == 0 then begin_grant() end
end

-- Hands out up to n of the best jobs, and takes them out of their sets; returns how many were found, and how many of these it came
-- to. One that missed its deadline, or makes no sense, is dead instead and stops nobody.
local late
local function hand_out(kept, n)
  local members, from, entries = best(kept, n)
  if not members[1] then return 0, 0 end
  local all, ids, keys = look_up(members)
  local alone, many = #members == 1, #members
  for at, member in ipairs(members) do
    if bytes > CLAIM_BYTES then
      many = at - 1
      break
    end
    local id, key, record, moved = ids[at], keys[at], all[at], false
    local turn = record and turn_for(alone and single or together, record)
    if turn and turn.timely and struct.unpack('<i8', record, DEADLINE_FROM) <= now then
      late = late or plan_of(BURY, EXPIRED)
      moved = move(turn_for(late, record), id, key, record, nil, nil, member)
    elseif turn then
      grant_place = char(number % GRANT)
      moved = move(turn, id, key, record, nil, nil, member)
      if moved then
        if turn.large then record = record .. (redis.call('GET', root .. K_PAYLOAD .. id) or '') end
        number, bytes = number + 1, bytes + #record
        jobs[#jobs + 1] = record
        note_handed(member, not alone)
      end
    end
    if not moved then give_up(queue, READY, member, record) end
  end
  take(kept, from, entries, many)
  return #members, many
end

local alone = {}
for at, kind in ipairs(kinds) do alone[at] = root .. K_ALONE .. queue .. ':' .. kind end
local alone_waits, looked, solo = false, 0, 0
for from = 1, #alone, CHUNK do
  if redis.call('EXISTS', unpack(alone, from, math.min(from + CHUNK - 1, #alone))) > 0 then alone_waits = true end
end
while alone_waits and may_alone == 1 and limit > 0 and solo == 0 and looked < ROWS do
  local found, seen_to = hand_out(K_ALONE, 1)
  if found == 0 then break end
  looked = looked + seen_to
  if number > first then solo = 1 end
end
while solo == 0 and number - first < limit and bytes <= CLAIM_BYTES and looked < ROWS + limit do
  local wanted = limit - (number - first)
  local found, seen_to = hand_out(K_READY, wanted)
  looked = looked + seen_to
  if found < wanted then break end
end
-- Many that could not be handed out were in the way: there is more to do at once.
if number - first < limit and solo == 0 and looked >= ROWS + limit then due = 0 end

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
return answer(FRESH, due, alone_waits, handed, solo, first, handed_out, jobs)
