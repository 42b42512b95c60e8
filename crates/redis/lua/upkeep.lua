#!lua flags=allow-oom
-- Does a bounded piece of upkeep of one queue: rescues, buries what missed its deadline, deletes what is over.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 most to rescue, to bury, to delete, to forget (I4 each); until when, by the server's clock, this may
--       rescue at all (i8): one that runs later was held up, and so were those who would have renewed; the newest level of rules
--       that who asks knows (H): jobs of a queue with newer ones are not rescued  4 the failure of a job whose lease ended
-- Out:  1 how many were deleted and forgotten, whether the bound of a call left something for another
--       2 kinds of ready jobs that have waited a day among workers: does anybody know them?
--       3 id and record of each deleted job that points at an artifact
--       4 the jobs that were rescued, described  5 those that were buried

local queue = ARGV[2]
local rescue_most, bury_most, delete_most, forget_most, rescue_until, known_level = struct.unpack('<I4I4I4I4i8H', ARGV[3])
local meta = root .. K_QUEUE .. queue
if ms > rescue_until or tonumber(redis.call('HGET', meta, 'rules_level') or 0) > known_level then rescue_most = 0 end
local budget, left = ROWS, 0
local rescued, deleted, forgotten = {}, 0, 0

-- Looks for up to `most` members by score, as far as the bound of this call allows; returns whether there may be others, too.
local function look(set, from, to, most)
  local bound = math.min(most, budget)
  local members = {}
  if bound > 0 then members = redis.call('ZRANGEBYSCORE', set, from, to, 'LIMIT', 0, bound) end
  budget = budget - #members
  return members, #members == bound
end

-- Notes that a look which may not have seen all came to less than was wanted: what it met was of no use any more.
local function note_left(others, done, most)
  if others and done < most then left = 1 end
end

-- Rescues from one worker; notes when the next of its leases ends.
local leases, crash = root .. K_LEASES .. queue, plan_of(CRASH, nil, HAS_FAILURES)
local function rescue(worker)
  local held = root .. K_HELD .. queue .. ':' .. worker
  for _, range in ipairs({ { '-inf', text(lease_now) }, { '(' .. text(lease_now + LONGEST_LEASE), '+inf' } }) do
    local most = rescue_most - #rescued
    local entries, others = look(held, range[1], range[2], most)
    local lost, looked_at, all = lose(queue, worker, entries, crash, ARGV[4], most)
    for _, job in ipairs(lost) do rescued[#rescued + 1] = job end
    budget = math.max(budget - looked_at, 0)
    note_left(others or not all, #rescued, rescue_most)
  end
  local next_end = redis.call('ZRANGE', held, 0, 0, 'WITHSCORES')
  if next_end[1] then redis.call('ZADD', leases, next_end[2], worker) else redis.call('ZREM', leases, worker) end
end
if rescue_most > 0 then
  -- A lease that ends farther ahead than one can was written by a broken clock.
  for _, range in ipairs({ { '-inf', text(lease_now) }, { '(' .. text(lease_now + LONGEST_LEASE), '+inf' } }) do
    local workers, others = look(leases, range[1], range[2], WORKERS)
    for _, worker in ipairs(workers) do
      if #rescued < rescue_most then rescue(worker) end
    end
    note_left(others, #rescued, rescue_most)
  end
end

-- Buries jobs that missed their deadline; those of which nothing sensible is left are dropped.
local deadline, expire, buried = root .. K_DEADLINE .. queue, plan_of(BURY, EXPIRED), {}
local late, later = look(deadline, '-inf', text(now), bury_most)
local late_records, late_ids, late_keys = look_up(late)
for at, record in ipairs(late_records) do
  local facts = record and move(turn_for(expire, record), late_ids[at], late_keys[at], record)
  if facts then
    buried[#buried + 1] = told(late_ids[at], facts, record)
  elseif record then
    drop(deadline, queue, READY, late[at], record)
  else
    remove(deadline, late[at]) -- whoever finds it in the set of its state counts it
  end
end
flush()
note_left(later, #buried, bury_most)

-- Deletes finished jobs whose time is over.
local final = root .. K_FINAL .. queue
local artifacts = {}
local over, bound, seen_entries = {}, math.min(delete_most, budget), 0
while #over < bound do
  local most = math.ceil((bound - #over) / 8)
  local found = redis.call('ZRANGEBYSCORE', final, '-inf', text(now), 'WITHSCORES', 'LIMIT', text(seen_entries), text(most))
  for at = 1, #found, 2 do
    if #over < bound then
      remove(final, found[at])
      members_in(found[at], over)
    end
    -- The rest of an entry that is too much for this call stays.
    if #over > bound then
      add(final, found[at + 1], concat(over, '', bound + 1))
      for place = #over, bound + 1, -1 do over[place] = nil end
    end
  end
  seen_entries = seen_entries + most
  if #found < 2 * most then break end
end
budget = budget - #over
local its_queue, met = queue_of(queue), {}
local gone = its_queue.gone
local over_records, over_ids, over_keys = look_up(over)
for at, record in ipairs(over_records) do
  local id, member = over_ids[at], over[at]
  local state = record and byte(record, STATE_AT)
  if not record or not sound(record) then
    gone[#gone + 1] = member
    doomed[#doomed + 1] = over_keys[at]
    doomed[#doomed + 1] = root .. K_PAYLOAD .. id
  elseif state >= SUCCEEDED and not met[id] and sub(record, ORDER_FROM, ORDER_TO) == sub(member, 1, 8) then
    -- One that was deleted by hand has an entry of its own beside that of those it succeeded with.
    met[id] = true
    local flags = struct.unpack('<H', record, FLAGS_FROM)
    deleted = deleted + 1
    moved(its_queue, record, state, nil)
    gone[#gone + 1] = member
    if state == DEAD then remove(root .. K_DEAD .. queue, member) end
    if state == CANCELLED then remove(root .. K_CANCELLED .. queue, member) end
    if band(flags, HAS_ARTIFACT) ~= 0 then artifacts[#artifacts + 1] = id .. record end
    doomed[#doomed + 1] = over_keys[at]
    if band(flags, PAYLOAD_BESIDE) ~= 0 then doomed[#doomed + 1] = root .. K_PAYLOAD .. id end
    if band(flags, RESULT_BESIDE) ~= 0 then doomed[#doomed + 1] = root .. K_RESULT .. id end
    if band(flags, HAS_PROGRESS) ~= 0 then doomed[#doomed + 1] = root .. K_PROGRESS .. id end
    if band(flags, HAS_FAILURES) ~= 0 then doomed[#doomed + 1] = root .. K_FAILURES .. id end
    if band(flags, HAS_LOG) ~= 0 then doomed[#doomed + 1] = root .. K_LOG .. id end
    if band(flags, HAS_UNIQUE + HAS_REUSE + HAS_LABELS) ~= 0 then
      local _, _, _, after = names(record)
      local unique, _, reuse, _, _, alias, tags = words(flags, record, after)
      if unique then
        local held = redis.call('HGET', root .. K_UNIQUE .. queue, unique)
        if held and sub(held, 1, 24) == member then redis.call('HDEL', root .. K_UNIQUE .. queue, unique) end
      end
      if reuse then remove(root .. K_REUSE .. queue .. ':' .. reuse, member) end
      if alias ~= '' then remove(root .. K_ALIAS .. queue .. ':' .. alias, member) end
      for _, tag in ipairs(tags) do remove(root .. K_TAG .. queue .. ':' .. tag, member) end
    end
    news[#news + 1] = id
  end
end
note_left(#over == bound, deleted, delete_most)
flush()

-- Forgets answers to pushes whose time is over; those whose job is still known are looked at again later.
local answers, answers_until = root .. K_ANSWERS .. queue, root .. K_ANSWERS_UNTIL .. queue
local keys, others = look(answers_until, '-inf', text(now), forget_most)
forgotten = #keys
note_left(others, forgotten, forget_most)
for _, key in ipairs(keys) do
  local kept = redis.call('HGET', answers, key)
  if kept and redis.call('EXISTS', root .. K_RECORD .. sub(kept, 33, 48)) == 1 then
    redis.call('ZADD', answers_until, text(now + ANSWER_AGAIN), key)
  else
    redis.call('HDEL', answers, key)
    redis.call('ZREM', answers_until, key)
  end
end

-- Forgets workers that have not claimed anything for a day and hold nothing.
local seen = root .. K_WORKERS_SEEN .. queue
local gone, others_gone = look(seen, '-inf', text(now - WORKER_KEPT), forget_most - forgotten)
forgotten = forgotten + #gone
note_left(others_gone, forgotten, forget_most)
for _, worker in ipairs(gone) do
  if redis.call('EXISTS', root .. K_HELD .. queue .. ':' .. worker) == 1 then
    redis.call('ZADD', seen, text(now), worker)
  else
    redis.call('ZREM', seen, worker)
    redis.call('HDEL', root .. K_WORKERS .. queue, worker)
  end
end

-- Finds kinds that nobody may know; who knows them is noted elsewhere.
local doubtful = {}
local presence = redis.call('HMGET', meta, 'since', 'seen')
local day_ago = now - UNKNOWN_KIND_AFTER
if presence[2] and now - tonumber(presence[2]) < PRESENCE_GAP and tonumber(presence[1] or 0) < day_ago then
  for _, kind in ipairs(redis.call('SRANDMEMBER', root .. K_KINDS .. queue, 200)) do
    local waited = false
    for _, kept in ipairs({ K_READY, K_ALONE }) do
      each_rank(root .. kept .. queue .. ':' .. kind, function(_, run_at) waited = waited or run_at < day_ago end)
    end
    if waited then doubtful[#doubtful + 1] = kind end
  end
end

for _, job in ipairs(entombed) do buried[#buried + 1] = job end
finish()
return { struct.pack('<I4I4B', deleted, forgotten, left), doubtful, artifacts, rescued, buried }
