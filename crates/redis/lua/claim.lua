#!lua flags=allow-oom
-- Hands ready jobs of one queue to a worker; or, where the claim is known, the same as before, as far as they are still held.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 worker  4 nonce (8 bytes)  5 random bits of the tokens (8 bytes)
--       6 how many (I4), lease in ms (i8), whether one that must run alone may be handed out, whether the claim asks other
--       queues as well (B each)  7… the kinds
-- Out:  1 bells, what is known of the claim, ms until the next job is due (-1: none is), whether one waits that must run alone,
--       how many were handed out the first time, whether that one must run alone
--       2… for each job its member; and its record, followed by its payload where that is large

local queue, worker, nonce, bits = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, lease, may_alone, several = struct.unpack('<I4i8BB', ARGV[6])
local claim_format = '<Bc8i8I8I4B'
local kinds = {}
for at = 7, #ARGV do kinds[at - 6] = ARGV[at] end
local meta, workers = root .. K_QUEUE .. queue, root .. K_WORKERS .. queue
local lease_end = math.min(lease_now + lease, FAR)
local lease_text = text(lease_end)

-- Returns what lies beside a record; nothing where it is gone, or somebody has put something else there.
local function beside(kept, id)
  local value = redis.pcall('GET', root .. kept .. id)
  return type(value) == 'string' and value or nil
end

local function answer(known, due, alone_waits, handed, solo, jobs)
  jobs[1] = pack('<BBi8BI4B', finish(), known, due, alone_waits and 1 or 0, handed, solo)
  return jobs
end

local earlier, noted = redis.call('HGET', workers, worker), 0
if earlier and #earlier == 30 then
  local released, of, seen, first, handed, solo = struct.unpack(claim_format, earlier)
  if released == 1 then return answer(RELEASED, -1, false, 0, 0, { '' }) end
  if of == nonce then
    -- The first answer may have been lost long ago: the lease begins anew.
    local held = root .. K_HELD .. queue .. ':' .. worker
    local members = redis.call('ZRANGE', held, 0, -1)
    local all, ids = look_up(members)
    local found = {}
    for at, record in ipairs(all) do
      if record and record:byte(1) == RUNNING and record:sub(WORKER_FROM, WORKER_TO) == worker then
        local number = struct.unpack('>I8', record, TOKEN_FROM)
        if number >= first and number < first + handed then
          found[#found + 1] = { number = number, record = record, id = ids[at], member = members[at] }
          add(held, lease_text, members[at])
        end
      end
    end
    table.sort(found, function(one, other) return one.number < other.number end)
    local jobs = { '' }
    for at, job in ipairs(found) do
      local payload = ''
      if band(struct.unpack('<H', job.record, 2), PAYLOAD_BESIDE) ~= 0 then
        payload = beside(K_PAYLOAD, job.id) or ''
      end
      jobs[2 * at], jobs[2 * at + 1] = job.member, job.record .. payload
    end
    if found[1] then note_lease(queue, worker, lease_end) end
    return answer(REPEATED, -1, false, handed, solo, jobs)
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
    local after = record and move(due, ids[at], keys[at], record)
    if after then
      local _, kind = names(after)
      ready[kind] = true
    else
      drop(scheduled, queue, kinds[1] or 'unknown', SCHEDULED, members[at], record)
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
  return answer(FRESH, due, false, 0, 0, { '' })
end

-- Returns the order of a member; Lua compares texts as people of the server's country do.
local function order_of(member)
  return (struct.unpack('>I8', member))
end

-- Takes up to n of the best jobs of these kinds out of their sets; returns members, scores, and which kind each is of.
local function pop(kept, n)
  local members, scores, from = {}, {}, {}
  if #kinds == 1 then
    local popped = redis.call('ZPOPMIN', root .. kept .. queue .. ':' .. kinds[1], text(n))
    for at = 1, #popped, 2 do
      local place = (at + 1) / 2
      members[place], scores[place], from[place] = popped[at], popped[at + 1], 1
    end
    return members, scores, from
  end
  -- The best of each kind in turn, read in stretches.
  local stretch = math.max(math.ceil(2 * n / #kinds), 4)
  local heads, places, bests, taken, live = {}, {}, {}, {}, {}
  local function fill(kind)
    local best = redis.call('ZRANGE', root .. kept .. queue .. ':' .. kinds[kind], taken[kind], taken[kind] + stretch - 1,
      'WITHSCORES')
    heads[kind], places[kind], bests[kind] = best, 1, tonumber(best[2])
    return best[1]
  end
  for kind = 1, #kinds do
    taken[kind] = 0
    if fill(kind) then live[#live + 1] = kind end
  end
  while #members < n and live[1] do
    local chosen, place = live[1], 1
    for at = 2, #live do
      local kind = live[at]
      if bests[kind] < bests[chosen]
        or bests[kind] == bests[chosen] and order_of(heads[kind][places[kind]]) < order_of(heads[chosen][places[chosen]]) then
        chosen, place = kind, at
      end
    end
    local at, count = places[chosen], #members + 1
    members[count], scores[count], from[count] = heads[chosen][at], heads[chosen][at + 1], chosen
    taken[chosen], places[chosen] = taken[chosen] + 1, at + 2
    bests[chosen] = tonumber(heads[chosen][at + 3])
    if not bests[chosen] and not fill(chosen) then table.remove(live, place) end
  end
  for kind = 1, #kinds do
    if taken[kind] > 0 then redis.call('ZREMRANGEBYRANK', root .. kept .. queue .. ':' .. kinds[kind], 0, taken[kind] - 1) end
  end
  return members, scores, from
end

local first = math.max(tonumber(known[3] or 0) + 1, us)
local number, bytes = first, 0
local jobs = { '' }
local held = list(added, root .. K_HELD .. queue .. ':' .. worker)
grant_worker = worker

-- Hands out what was popped. One that missed its deadline, or makes no sense, is dead instead and stops nobody.
local claims, opening, opening_of = plan_of(CLAIM), nil, nil
local late, broken
local function hand_out(kept, members, scores, from)
  local all, ids, keys = look_up(members)
  for at = 1, #ids do
    local id, key, record, member = ids[at], keys[at], all[at], members[at]
    if bytes > CLAIM_BYTES then
      add(root .. kept .. queue .. ':' .. kinds[from[at]], scores[at], member)
    elseif not record then
      give_up(queue, kinds[from[at]], READY, member)
    else
      local turn, payload, after = claims[record:sub(1, FACTS_TO)], nil, nil
      -- What most jobs have not is known of those that are like an earlier one.
      local large, timely = turn and turn.large, turn and turn.timely
      if not turn then
        local low, high = record:byte(2, 3)
        large, timely = band(high or 0, PAYLOAD_BESIDE / 256) ~= 0, band(low or 0, HAS_DEADLINE) ~= 0
      end
      if large then payload = beside(K_PAYLOAD, id) end
      if timely and #record >= SHORTEST and struct.unpack('<i8', record, DEADLINE_FROM) <= now then
        late = late or plan_of(BURY, EXPIRED)
        after = move(late, id, key, record, nil, true)
      elseif large and not payload then
        broken = broken or plan_of(BURY, CORRUPT, HAS_FAILURES)
        after = move(broken, id, key, record, 'its payload is gone', true)
      else
        local low = number % 256
        if opening_of ~= number - low then opening_of, opening = number - low, pack('>I8', number):sub(1, 7) end
        grant_token = opening .. string.char(low) .. bits
        after = move(claims, id, key, record, nil, true)
        if after then
          number, bytes = number + 1, bytes + #after + (payload and #payload or 0)
          local n = #held
          held[n + 1], held[n + 2] = lease_text, member
          n = #jobs
          jobs[n + 1], jobs[n + 2] = member, payload and after .. payload or after
        end
      end
      if not after then give_up(queue, kinds[from[at]], READY, member, record) end
    end
  end
end

local alone = {}
for at, kind in ipairs(kinds) do alone[at] = root .. K_ALONE .. queue .. ':' .. kind end
local alone_waits, looked, solo = false, 0, 0
for from = 1, #alone, CHUNK do
  if redis.call('EXISTS', unpack(alone, from, math.min(from + CHUNK - 1, #alone))) > 0 then alone_waits = true end
end
while alone_waits and may_alone == 1 and limit > 0 and solo == 0 and looked < ROWS do
  local members, scores, from = pop(K_ALONE, 1)
  if not members[1] then break end
  looked = looked + 1
  hand_out(K_ALONE, members, scores, from)
  if number > first then solo = 1 end
end
while solo == 0 and number - first < limit and bytes <= CLAIM_BYTES and looked < ROWS + limit do
  local wanted = limit - (number - first)
  local members, scores, from = pop(K_READY, wanted)
  if not members[1] then break end
  looked = looked + #members
  hand_out(K_READY, members, scores, from)
  if #members < wanted then break end
end
-- Many that could not be handed out were in the way: there is more to do at once.
if number - first < limit and solo == 0 and looked >= ROWS + limit then due = 0 end

local handed = number - first
if handed > 0 then
  redis.call('HSET', meta, 'token', text(number - 1))
  note_lease(queue, worker, lease_end)
end
if handed > 0 or several == 1 then remember(first, handed, solo) end
return answer(FRESH, due, alone_waits, handed, solo, jobs)
