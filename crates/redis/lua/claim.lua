#!lua flags=allow-oom
-- Hands ready jobs of one queue to a worker; or, where the claim is known, the same as before, as far as they are still held.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 worker  4 nonce (8 bytes)  5 random bits of the tokens (8 bytes)
--       6 how many (I4), lease in ms (i8), whether one that must run alone may be handed out, whether the claim asks other
--       queues as well (B each)  7… the kinds
-- Out:  1 bells, what is known of the claim, ms until the next job is due (-1: none is), whether one waits that must run alone,
--       how many were handed out the first time, whether that one must run alone
--       2… for each job its member, its record, its payload

local queue, worker, nonce, bits = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, lease, may_alone, several = struct.unpack('<I4i8BB', ARGV[6])
local claim_format = '<Bc8i8I8I4B'
local kinds = {}
for at = 7, #ARGV do kinds[#kinds + 1] = ARGV[at] end
local meta, workers = root .. K_QUEUE .. queue, root .. K_WORKERS .. queue
local lease_end = text(math.min(lease_now + lease, FAR))

local function answer(known, due, alone_waits, handed, solo, jobs)
  jobs[1] = struct.pack('<BBi8BI4B', finish(), known, due, alone_waits and 1 or 0, handed, solo)
  return jobs
end

local earlier = redis.call('HGET', workers, worker)
if earlier and #earlier == 30 then
  local released, of, _, first, handed, solo = struct.unpack(claim_format, earlier)
  if released == 1 then return answer(RELEASED, -1, false, 0, 0, { '' }) end
  if of == nonce then
    -- The first answer may have been lost long ago: the lease begins anew.
    local members = redis.call('SMEMBERS', root .. K_HELD .. queue .. ':' .. worker)
    local ids, held = ids_of(members), {}
    for at, record in ipairs(read(K_RECORD, ids)) do
      if record and record:byte(1) == RUNNING and record:sub(WORKER_FROM, WORKER_TO) == worker then
        local number = struct.unpack('>I8', record, TOKEN_FROM)
        if number >= first and number < first + handed then
          held[#held + 1] = { number = number, id = ids[at], record = record, member = members[at] }
        end
      end
    end
    table.sort(held, function(one, other) return one.number < other.number end)
    ids = {}
    for at, job in ipairs(held) do
      ids[at] = job.id
      add(root .. K_RUNNING .. queue, lease_end, job.member)
    end
    local jobs = { '' }
    for at, payload in ipairs(read(K_PAYLOAD, ids)) do
      jobs[at + 1] = held[at].member .. held[at].record .. (payload or '')
    end
    return answer(REPEATED, -1, false, handed, solo, jobs)
  end
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
local next_due = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
if next_due[1] and tonumber(next_due[2]) <= now then
  local members = redis.call('ZRANGEBYSCORE', scheduled, '-inf', text(now), 'LIMIT', 0, ROWS)
  local ids, ready = ids_of(members), {}
  for at, record in ipairs(read(K_RECORD, ids)) do
    if not record then
      remove(scheduled, members[at])
      forget(queue, SCHEDULED, members[at])
    else
      local after = move(ids[at], record, DUE)
      if not after then
        remove(scheduled, members[at])
        if not sound(record) then
          entomb(queue, kinds[1] or 'unknown', SCHEDULED, members[at], "the job's record makes no sense")
        end
      else
        local _, kind = names(after)
        ready[kind] = true
      end
    end
  end
  for kind in pairs(ready) do redis.call('SADD', root .. K_KINDS .. queue, kind) end
  flush()
  next_due = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
end
local due = next_due[1] and math.max(tonumber(next_due[2]) - now, 0) or -1

local resumes
if known[4] then
  local _, till = struct.unpack('<i8i8', known[4])
  if till < 0 then resumes = FAR elseif till > now then resumes = till - now end
end
if resumes or #kinds == 0 then
  if resumes and resumes < FAR and (due < 0 or resumes < due) then due = resumes end
  if several == 1 then
    redis.call('HSET', workers, worker, struct.pack(claim_format, 0, nonce, now, 0, 0, 0))
    redis.call('ZADD', root .. K_WORKERS_SEEN .. queue, text(now), worker)
  end
  return answer(FRESH, due, false, 0, 0, { '' })
end

-- Takes up to n of the best jobs of these kinds out of their sets.
local function pop(kept, n)
  local members, scores, from = {}, {}, {}
  if #kinds == 1 then
    local set = root .. kept .. queue .. ':' .. kinds[1]
    local popped = redis.call('ZPOPMIN', set, n)
    for at = 1, #popped, 2 do
      local place = #members + 1
      members[place], scores[place], from[place] = popped[at], popped[at + 1], 1
    end
    return members, scores, from
  end
  local heads, at, taken = {}, {}, {}
  for kind, name in ipairs(kinds) do
    local best = redis.call('ZRANGE', root .. kept .. queue .. ':' .. name, 0, n - 1, 'WITHSCORES')
    if best[1] then heads[kind], at[kind], taken[kind] = best, 1, 0 end
  end
  while #members < n do
    local chosen, score, member
    for kind, best in pairs(heads) do
      local of = tonumber(best[at[kind] + 1])
      if not chosen or of < score or (of == score and best[at[kind]] < member) then
        chosen, score, member = kind, of, best[at[kind]]
      end
    end
    if not chosen then break end
    local place = #members + 1
    members[place], scores[place], from[place] = member, heads[chosen][at[chosen] + 1], chosen
    at[chosen], taken[chosen] = at[chosen] + 2, taken[chosen] + 1
    if not heads[chosen][at[chosen]] then heads[chosen] = nil end
  end
  for kind, many in pairs(taken) do
    if many > 0 then redis.call('ZREMRANGEBYRANK', root .. kept .. queue .. ':' .. kinds[kind], 0, many - 1) end
  end
  return members, scores, from
end

local first = math.max(tonumber(known[3] or 0) + 1, us)
local number, bytes = first, 0
local jobs = { '' }
local running, holding = list(added, root .. K_RUNNING .. queue), list(holds, root .. K_HELD .. queue .. ':' .. worker)
grant_worker = worker

-- Hands out what was popped. One that missed its deadline, or makes no sense, is dead instead and stops nobody.
local function hand_out(kept, members, scores, from)
  local ids = ids_of(members)
  local all = read(K_RECORD, ids)
  for start = 1, #ids, 100 do
    local stop = math.min(start + 99, #ids)
    if bytes > CLAIM_BYTES then
      for at = start, #ids do add(root .. kept .. queue .. ':' .. kinds[from[at]], scores[at], members[at]) end
      return
    end
    local payloads = read(K_PAYLOAD, { unpack(ids, start, stop) })
    for at = start, stop do
      local record, payload, member = all[at], payloads[at - start + 1], members[at]
      if not record then
        forget(queue, READY, member)
      else
        local low = record:byte(2) or 0
        if bit.band(low, HAS_DEADLINE) ~= 0 and #record > ORDER_TO and struct.unpack('<i8', record, DEADLINE_FROM) <= now then
          move(ids[at], record, BURY, EXPIRED, nil, nil, true)
        elseif not payload then
          move(ids[at], record, BURY, CORRUPT, 'its payload is gone', nil, true)
        else
          grant_token = struct.pack('>I8', number) .. bits
          local after = move(ids[at], record, CLAIM, nil, nil, nil, true)
          if after then
            number, bytes = number + 1, bytes + #payload
            running[#running + 1] = lease_end
            running[#running + 1] = member
            holding[#holding + 1] = member
            jobs[#jobs + 1] = member .. after .. payload
          elseif not sound(record) then
            entomb(queue, kinds[from[at]], READY, member, "the job's record makes no sense")
          end
        end
      end
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
  local members, scores, from = pop(K_READY, limit - (number - first))
  if not members[1] then break end
  looked = looked + #members
  hand_out(K_READY, members, scores, from)
end
-- Many that could not be handed out were in the way: there is more to do at once.
if number - first < limit and solo == 0 and looked >= ROWS + limit then due = 0 end

local handed = number - first
if handed > 0 then redis.call('HSET', meta, 'token', text(number - 1)) end
if handed > 0 or several == 1 then
  redis.call('HSET', workers, worker, struct.pack(claim_format, 0, nonce, now, first, handed, solo))
  redis.call('ZADD', root .. K_WORKERS_SEEN .. queue, text(now), worker)
end
return answer(FRESH, due, alone_waits, handed, solo, jobs)
