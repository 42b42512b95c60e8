-- The one place where a job is moved, and so where whatever is counted of moves is to be counted.

local function ready_set(queue, kind, crashes)
  return root .. (crashes >= 2 and K_ISOLATED or K_READY) .. queue .. ':' .. kind
end

local function ready_score(rank, run_at)
  return text((rank + 100) * RANK + run_at)
end

-- Takes a job out of the sets of the state that it leaves, but a ready one that its claim takes out itself.
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

-- Puts a job that waits into the set of its state.
local function enter_waiting(queue, kind, crashes, rank, member, to, run_at)
  if to == READY then
    zadd(ready_set(queue, kind, crashes), ready_score(rank, run_at), member)
    note_ready(queue, kind)
  else
    zadd(root .. K_SCHEDULED .. queue, text(run_at), member)
  end
end

-- Puts a job into the sets of the state that it enters; a finished one is kept until `till` at least.
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

-- Keeps unique and reuse keys in step with a move; returns until when they need the job.
local function labels_moved(job, to)
  if not has(job, HAS_UNIQUE + HAS_REUSE) then return 0 end
  local till, unique, scope, reuse, within = 0, labels_in(job.flags, job.body, job.label_from)
  if unique then till = unique_moved(job, unique, scope, to) end
  if reuse and to == SUCCEEDED then
    till = max(till, now + within)
    zadd(root .. K_REUSE .. job.queue .. ':' .. reuse, text(now), job.member)
  end
  return till
end

-- Moves a job where an event takes it; `with` is what the event carries, `taken` says that its claim took it out of the ready ones.
-- Returns whether it did; then the caller saves the job.
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
      -- A claim that was lost is not one that was settled: its late settle is answered `lost`.
      if event >= SUCCEED and event <= SETTLE_CANCEL then mark(job, SETTLED) else job.token = NOBODY end
    elseif state >= SUCCEEDED then
      unmark(job, HAS_DEADLINE) -- tried again by hand, whatever was once too late
    end
    enter(job, to, labels_moved(job, to))
  end
  if to < RUNNING then woke(job.queue, job.kind, 1) end
  news[#news + 1] = job.id
  return true
end

-- Keeps a failure, as `layout.rs` lays it out.
local function keep_failure(job, class, started, attempt, token, worker, message)
  local key = root .. K_FAILURES .. job.id
  call('RPUSH', key, pack(FAILURE, now, started, class, attempt, sub(token, 1, 8), worker) .. message)
  call('LTRIM', key, -FAILURES_KEPT, -1)
  mark(job, HAS_FAILURES)
end

-- Takes a running job from its worker; returns the job described, with the failure noted where it is one.
local function lose(job, event, failure)
  local worker, token, started, attempt = job.worker, job.token, job.started, job.attempt
  transition(job, event)
  if failure ~= '' then keep_failure(job, CRASH_CLASS, started, attempt, token, worker, failure) end
  save(job)
  return describe(job, worker)
end

-- Makes a job dead whose record is corrupt, found in a set of that queue: of what it was only its place is left.
local function bury_corrupt(job, queue)
  local kind = 'unknown'
  local body = pack(BODY, now, 0, sub(job.member, 1, 8), NO_LIMITS, 0, #queue, queue, #kind, kind)
  job.state, job.flags, job.attempt, job.crashes, job.interruptions, job.outages, job.changes, job.reason, job.run_at, job.body =
    DEAD, PAYLOAD_BESIDE, 0, 0, 0, 0, 1, CORRUPT, now, body
  job.queue, job.kind, job.cancel_asked = queue, kind, 0
  needs_run(job)
  job.finished = now
  keep_failure(job, CORRUPT_CLASS, 0, 0, NOBODY, NOBODY, "the job's record is corrupt")
  enter(job, DEAD, 0)
  news[#news + 1] = job.id
  save(job)
  return describe(job)
end

-- Buries a job that waits; returns it described.
local function bury(job, reason, taken)
  if not transition(job, BURY, reason, taken) then return nil end
  save(job)
  return describe(job)
end

-- Removes a member of which there is no record.
local function forget_member(queue, member)
  local order = text(unpacked('>I8', member))
  call('XDEL', root .. K_ALL .. queue, order .. '-0')
end

-- Sees to what was found in a set of a queue and does not belong there: without a record it is forgotten, and with a corrupt one dead.
-- Returns the dead job described.
local function clear(queue, set, member, job)
  zrem(set, member)
  if not job then forget_member(queue, member) elseif job.corrupt then return bury_corrupt(job, queue) end
end
