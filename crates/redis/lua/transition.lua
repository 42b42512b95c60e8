-- The transitions of jobs between states. All functions change a job's state here, so sets and notifications are updated here only.

local function ready_set(queue, kind, crashes)
  return root .. (crashes >= 2 and K_ISOLATED or K_READY) .. queue .. ':' .. kind
end

local function ready_score(rank, run_at)
  return text((rank + 100) * RANK + run_at)
end

-- Removes a job from the sets of the state that it leaves. With `taken`, the claim itself removes it from the set of ready jobs.
local function leave(job, state, to, taken)
  local queue, member = job.queue, job.member
  if state == RUNNING then
    zrem(root .. K_RUNNING .. queue, member)
    srem(root .. K_HELD .. queue .. ':' .. job.worker, member)
  elseif state == SCHEDULED then
    zrem(root .. K_SCHEDULED .. queue, member)
  elseif state == READY then
    if not taken then zrem(ready_set(queue, job.kind, job.crashes), member) end
  else
    zrem(root .. K_FINAL .. queue, member)
    if state == DEAD then zrem(root .. K_DEAD .. queue, member) end
    if state == CANCELLED then zrem(root .. K_CANCELLED .. queue, member) end
  end
  if has(job, HAS_DEADLINE) then
    local waits = to < RUNNING
    if waits and state == RUNNING then zadd(root .. K_DEADLINE .. queue, text(job.deadline), member) end
    if not waits and state < RUNNING then zrem(root .. K_DEADLINE .. queue, member) end
  end
end

-- Adds a waiting job to the set of its state.
local function enter_waiting(queue, kind, crashes, rank, member, to, run_at)
  if to == READY then
    zadd(ready_set(queue, kind, crashes), ready_score(rank, run_at), member)
    note_ready(queue, kind)
  else
    zadd(root .. K_SCHEDULED .. queue, text(run_at), member)
  end
end

-- Adds a job to the sets of the state that it enters. A finished job is kept until `till` at least.
local function enter(job, to, till)
  local queue, member = job.queue, job.member
  if to < RUNNING then
    enter_waiting(queue, job.kind, job.crashes, job.rank, member, to, job.run_at)
  elseif to >= SUCCEEDED then
    local keep = now + (to == DEAD and keep_dead or keep_finished)
    zadd(root .. K_FINAL .. queue, text(min(max(keep, till), FAR)), member)
    if to == DEAD then zadd(root .. K_DEAD .. queue, '0', member) end
    if to == CANCELLED then zadd(root .. K_CANCELLED .. queue, '0', member) end
  end
end

-- Updates unique and reuse keys for a transition. Returns until when they need the job.
local function labels_moved(job, to)
  local till, labels = 0, job.labels
  if labels.unique then till = unique_moved(job, labels.unique, labels.scope, to) end
  if labels.reuse and to == SUCCEEDED then
    till = max(till, now + labels.within)
    zadd(root .. K_REUSE .. job.queue .. ':' .. labels.reuse, text(now), job.member)
  end
  return till
end

-- Applies an event to a job. `with` is the value of the event; `taken` means that the claim itself removes the job from the ready set.
-- Returns whether the job changed; then the caller must save it.
local function transition(job, event, with, taken)
  local state, outages = job.state, job.outages
  local to, wait, reason = step(job, event, with)
  if not to then return false end
  job.state, job.reason, job.changes = to, reason or 0, (job.changes + 1) % 2 ^ 32
  if wait then job.run_at = min(now + wait, FAR) end
  if to >= RUNNING then needs_run(job) end
  if job.token then
    if job.outages == 0 then job.outage_since = 0 elseif outages == 0 then job.outage_since = now end
    job.finished = to >= SUCCEEDED and now or 0
  end
  if to ~= state then
    leave(job, state, to, taken)
    if state == RUNNING then
      -- A lost claim gets no SETTLED flag and no token, so that its late settlement is answered LOST.
      if event >= SUCCEED and event <= SETTLE_CANCEL then mark(job, SETTLED) else job.token = NOBODY end
    elseif state >= SUCCEEDED then
      unmark(job, HAS_DEADLINE) -- a person retries the job, so its old deadline does not count
    end
    enter(job, to, labels_moved(job, to))
  end
  if to < RUNNING then woke(job.queue, job.kind, 1) end
  news[#news + 1] = job.id
  return true
end

-- Stores a failure, with the layout FAILURE of `layout.rs`.
local function keep_failure(job, class, started, attempt, token, worker, message)
  local key = root .. K_FAILURES .. job.id
  call('RPUSH', key, pack(FAILURE, now, started, class, attempt, sub(token, 1, 8), worker) .. message)
  call('LTRIM', key, -FAILURES_KEPT, -1)
  mark(job, HAS_FAILURES)
end

-- Takes a running job away from its worker, and stores the failure if it is not empty. Returns the job described.
local function lose(job, event, failure)
  local worker, token, started, attempt = job.worker, job.token, job.started, job.attempt
  transition(job, event)
  if failure ~= '' then keep_failure(job, CRASH_CLASS, started, attempt, token, worker, failure) end
  save(job)
  return describe(job, worker)
end

-- Makes a job with a corrupt record dead. The job was found in a set of the queue, and only its id and order are known.
local function bury_corrupt(job, queue)
  local kind = 'unknown'
  local body = pack(BODY, now, 0, sub(job.member, 1, 8), NO_LIMITS, 0, #queue, queue, #kind, kind)
  job.state, job.flags, job.attempt, job.crashes, job.interruptions, job.outages, job.changes, job.reason, job.run_at, job.body =
    DEAD, PAYLOAD_BESIDE, 0, 0, 0, 0, 1, CORRUPT, now, body
  job.queue, job.kind, job.cancel_asked, job.labels = queue, kind, 0, no_labels
  needs_run(job)
  job.finished = now
  keep_failure(job, CORRUPT_CLASS, 0, 0, NOBODY, NOBODY, "the job's record is corrupt")
  enter(job, DEAD, 0)
  news[#news + 1] = job.id
  save(job)
  return describe(job)
end

-- Buries a waiting job. Returns it described.
local function bury(job, reason, taken)
  if not transition(job, BURY, reason, taken) then return nil end
  save(job)
  return describe(job)
end

-- Removes a member from the stream of all jobs.
local function forget_member(queue, member)
  local order = text(unpacked('>I8', member))
  call('XDEL', root .. K_ALL .. queue, order .. '-0')
end

-- Removes a member that does not belong in a set of a queue. If it has no record, it is also removed from the stream of all jobs. If its
-- record is corrupt, the job is made dead. Returns the dead job described.
local function remove_stray(queue, set, member, job)
  zrem(set, member)
  if not job then forget_member(queue, member) elseif job.corrupt then return bury_corrupt(job, queue) end
end
