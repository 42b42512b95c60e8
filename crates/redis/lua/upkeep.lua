-- Upkeep of one queue. Each part is bounded: rescue, deadlines, unknown kinds, prune, forget.

-- Finds up to `most` members by score. It sets `left.more` if there may be others.
local function due_members(set, from, to, most, left)
  if most <= 0 then return {} end
  local found = call('ZRANGEBYSCORE', set, from, to, 'LIMIT', '0', text(most))
  if #found == most then left.more = true end
  return found
end

-- Rescues jobs whose leases have ended.
local function rescue(queue, most, failure, buried, left)
  local running, rescued = root .. K_RUNNING .. queue, {}
  -- A lease that ends later than the longest lease allows was written with a wrong clock, so it has ended too.
  for _, range in ipairs({ { '-inf', text(lease_now) }, { '(' .. text(lease_now + LONGEST_LEASE), '+inf' } }) do
    local found = due_members(running, range[1], range[2], most - #rescued, left)
    for at, job in ipairs(read_members(found)) do
      if job and not job.corrupt and job.state == RUNNING then
        rescued[#rescued + 1] = lose(job, CRASH, failure)
      else
        buried[#buried + 1] = remove_stray(queue, running, found[at], job)
      end
    end
  end
  flush()
  return rescued
end

-- Buries jobs that missed their deadline.
local function bury_late(queue, most, buried, left)
  local set = root .. K_DEADLINE .. queue
  local found = due_members(set, '-inf', text(expiry_now), most, left)
  for at, job in ipairs(read_members(found)) do
    -- A job without a record or with a corrupt one is handled in the set where it waits.
    local dead = job and not job.corrupt and bury(job, EXPIRED)
    if dead then buried[#buried + 1] = dead else zrem(set, found[at]) end
  end
  flush()
end

-- Deletes a finished job: its record, its other keys, and its members in sets.
local function prune(job)
  local queue, member = job.queue, job.member
  delete(job.key)
  for beside, flag in pairs(keys_beside) do
    if has(job, flag) then delete(root .. beside .. job.id) end
  end
  for _, place in ipairs(places_of(job)) do zrem(key_of(job, place), member) end
  forget_member(queue, member)
  if job.labels.unique then release_unique(queue, job.labels.unique, member) end
  news[#news + 1] = job.id
end

-- Deletes finished jobs after their retention. Returns how many, and the id and the result of each job that has an artifact.
local function prune_old(queue, most, buried, left)
  local final, pruned, artifacts = root .. K_FINAL .. queue, 0, {}
  local found = due_members(final, '-inf', text(expiry_now), most, left)
  for at, job in ipairs(read_members(found)) do
    if job and not job.corrupt and job.state >= SUCCEEDED then
      if has(job, HAS_ARTIFACT) then artifacts[#artifacts + 1] = job.id .. job.result end
      prune(job)
      pruned = pruned + 1
    else
      buried[#buried + 1] = remove_stray(queue, final, found[at], job)
    end
  end
  flush()
  return pruned, artifacts
end

-- Deletes expired answers to pushes. If the job still exists, the answer is kept and checked again later. Returns how many it checked.
local function forget_answers(queue, most, left)
  local answers, set = root .. K_ANSWERS .. queue, root .. K_ANSWERS_UNTIL .. queue
  local keys = due_members(set, '-inf', text(expiry_now), most, left)
  for _, key in ipairs(keys) do
    local kept = call('HGET', answers, key)
    if kept and call('EXISTS', root .. K_JOB .. sub(kept, 33, 48)) == 1 then
      zadd(set, text(now + ANSWER_AGAIN), key)
    else
      call('HDEL', answers, key)
      zrem(set, key)
    end
  end
  flush()
  return #keys
end

-- Forgets workers that have not claimed for a day and hold no job. Returns how many it checked.
local function forget_workers(queue, most, left)
  local set = root .. K_WORKERS_SEEN .. queue
  local gone = due_members(set, '-inf', text(expiry_now - WORKER_KEPT), most, left)
  for _, worker in ipairs(gone) do
    if call('EXISTS', root .. K_HELD .. queue .. ':' .. worker) == 1 then
      zadd(set, text(now), worker)
    else
      zrem(set, worker)
      call('HDEL', root .. K_QUEUE .. queue, 'claim:' .. worker)
    end
  end
  flush()
  return #gone
end

-- Calls `visit` for each priority in a set of ready jobs, with its rank and the time when its first job was due.
local function each_rank(set, visit)
  local from = 0
  while true do
    local _, score = unpack(call('ZRANGEBYSCORE', set, text(from), '+inf', 'WITHSCORES', 'LIMIT', '0', '1'))
    score = tonumber(score)
    -- No priority has a score from 201 ranks on.
    if not score or score >= 201 * RANK then return end
    local rank = floor(score / RANK)
    visit(rank, score - rank * RANK)
    from = (rank + 1) * RANK
  end
end

-- Buries jobs in one ready set of a kind that have waited for a day.
local function bury_waiting(queue, set, day_ago, most, buried, left)
  each_rank(set, function(rank)
    local found = due_members(set, text(rank * RANK), '(' .. text(rank * RANK + day_ago), most - #buried, left)
    for at, job in ipairs(read_members(found)) do
      local is_job = job and not job.corrupt
      buried[#buried + 1] = is_job and bury(job, UNKNOWN_KIND) or remove_stray(queue, set, found[at], job)
    end
  end)
  flush()
end

-- Buries ready jobs of kinds that no worker of the queue has known for a day, if the queue had workers during the whole day. Forgets
-- kinds without ready jobs that no worker knows. It checks a random sample of the kinds.
local function bury_unknown(queue, most, buried, left)
  local kinds, known = root .. K_KINDS .. queue, root .. K_KINDS_SEEN .. queue
  local since, seen = unpack(call('HMGET', root .. K_QUEUE .. queue, 'since', 'seen'))
  local day_ago = expiry_now - UNKNOWN_KIND_AFTER
  call('ZREMRANGEBYSCORE', known, '-inf', text(day_ago))
  local had_workers = seen and now - tonumber(seen) < PRESENCE_GAP and tonumber(since or 0) < day_ago
  for _, kind in ipairs(call('SRANDMEMBER', kinds, '200')) do
    local noted = tonumber(call('ZSCORE', known, kind) or 0)
    local sets = { ready_set(queue, kind, 0), ready_set(queue, kind, 2) }
    if noted < day_ago then
      if call('EXISTS', sets[1], sets[2]) == 0 then
        call('SREM', kinds, kind)
      elseif had_workers then
        for _, set in ipairs(sets) do bury_waiting(queue, set, day_ago, most, buried, left) end
      end
    end
  end
end

-- In:  ARGV 1 frame  2 queue  3 the maximum number to rescue, to bury for their deadline, to bury for their kind, to prune, to forget (I4
--           each); the time of the server's clock until which this call may rescue (i8): a later call was delayed, and renewals may
--           have been delayed too; the newest level of rules that the caller knows (H): a queue with a higher level gets no rescue
--         4 the failure message of a job whose lease ended
-- Out: 1 how many were pruned and forgotten (I4 each), whether a bound left more work for another call
--      2 id and result of each pruned job that had an artifact  3 the rescued jobs, described  4 the jobs that were buried for their
--        deadline or a corrupt record  5 the jobs that were buried for their kind
local function upkeep(args)
  read_frame(args[1])
  begin_writes()
  local queue, left = args[2], {}
  local rescue_most, late_most, unknown_most, prune_most, forget_most, rescue_until, level = unpacked('<I4I4I4I4I4i8H', args[3])
  if ms > rescue_until or tonumber(call('HGET', root .. K_QUEUE .. queue, 'rules_level') or 0) > level then rescue_most = 0 end
  local late, unknown = {}, {}
  local rescued = rescue(queue, rescue_most, args[4], late, left)
  bury_late(queue, late_most, late, left)
  local pruned, artifacts = prune_old(queue, prune_most, late, left)
  local forgotten = forget_answers(queue, forget_most, left)
  forgotten = forgotten + forget_workers(queue, forget_most - forgotten, left)
  if unknown_most > 0 then bury_unknown(queue, unknown_most, unknown, left) end
  finish()
  return { pack('<I4I4B', pruned, forgotten, left.more and 1 or 0), artifacts, rescued, late, unknown }
end

-- Returns whether a member of a set is due, and how long until the first one is.
local function first_due(set, till)
  local _, score = unpack(call('ZRANGE', set, '0', '0', 'WITHSCORES'))
  return score and tonumber(score) <= till, score and tonumber(score) - till or FAR
end

-- In:  ARGV 1 frame  2… for each queue: whether to check what is kept for a time, too (B), the prefix of its keys (B c0), its name (c0)
-- Out: for each queue: whether any part of upkeep is due (B), and how long nothing that is kept for a time will be (ms, I4; 0: not checked)
local function due(args)
  read_frame(args[1])
  local answers = {}
  -- What is finished later is kept for at least this long.
  local longest = min(KEPT_CHECKED_EVERY, keep_finished, keep_dead)
  for at = 2, #args do
    local checks_kept, length = byte(args[at], 1, 2)
    local of, queue = sub(args[at], 3, 2 + length), sub(args[at], 3 + length)
    local running, deadline, final, until_set = of .. K_RUNNING .. queue, of .. K_DEADLINE .. queue, of .. K_FINAL .. queue,
      of .. K_ANSWERS_UNTIL .. queue
    -- Most queues have none of them.
    local is_due = call('EXISTS', running, deadline) > 0 and (first_due(running, lease_now) or first_due(deadline, expiry_now))
    local next_in = 0
    if checks_kept == 1 and not is_due then
      next_in = longest
      for _, set in ipairs({ final, until_set }) do
        local is_over, its = first_due(set, expiry_now)
        is_due, next_in = is_due or is_over, max(min(next_in, its), 0)
      end
    end
    answers[at - 1] = pack('<BI4', is_due and 1 or 0, next_in)
  end
  return concat(answers)
end

-- Deletes the remaining keys of a queue, if it has no jobs, rules, answers to pushes, and no workers during the last day. It is called
-- only for queues that have been unused for a day, because it also resets the version of the rules and the times of workers.
-- In:  ARGV 1 frame  2 queue
-- Out: 1 if the keys were deleted, else 0
local function forget_queue(args)
  read_frame(args[1])
  local queue = args[2]
  local meta = root .. K_QUEUE .. queue
  local rules, level, paused_until = unpack(call('HMGET', meta, 'rules', 'rules_level', 'paused_until'))
  -- Rules of level 1 contain only a pause.
  local is_over = level == '1' and tonumber(paused_until or FAR) <= now
  if call('XLEN', root .. K_ALL .. queue) > 0 or (rules or '{}') ~= '{}' and not is_over then return 0 end
  if call('EXISTS', root .. K_ANSWERS .. queue, root .. K_WORKERS_SEEN .. queue) > 0 then return 0 end
  call('DEL', meta, root .. K_ALL .. queue, root .. K_KINDS .. queue, root .. K_KINDS_SEEN .. queue, root .. 'queue:' .. queue)
  return 1
end
