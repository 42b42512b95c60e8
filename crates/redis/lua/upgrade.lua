-- The upgrade from layout 6 to this layout, a bounded number of jobs in each call. In layout 6, one entry of a set could contain several
-- members, one entry could stand for all jobs of a claim, and a record had all its parts from the push on.

-- Returns the position after the labels of a record.
local function end_of_labels(flags, record, at)
  local _, n
  if band(flags, HAS_UNIQUE) ~= 0 then _, _, at = unpacked('<Bc0i8', record, at) end
  if band(flags, HAS_REUSE) ~= 0 then _, _, at = unpacked('<Bc0i8', record, at) end
  if band(flags, HAS_LABELS) ~= 0 then
    _, _, n, at = unpacked('<Bc0Bc0B', record, at)
    for _ = 1, n do _, at = unpacked('<Bc0', record, at) end
  end
  return at
end

-- Reads a record of layout 6 as a job; raises an error if it is corrupt.
local function parse_6(id, record)
  local version, state, flags, attempt, crashes, interruptions, outages, changes, reason, finished, started, limits, token, worker, run_at,
    outage_since, deadline, asked_limits, created, order, queue, kind, rank, label_from = unpacked(RECORD_6, record)
  if version ~= 1 or state > CANCELLED then error('unknown layout') end
  local payload_from = end_of_labels(flags, record, label_from)
  local payload_to = payload_from - 1
  if band(flags, PAYLOAD_BESIDE) == 0 then payload_to = payload_from + 1 + unpacked('<H', record, payload_from) end
  local tail = sub(record, label_from, payload_to)
  local job = {
    id = id, key = root .. K_JOB .. id, member = order .. id, state = state, flags = flags - band(flags, HAS_RUN), cancel_asked = flags % 2,
    attempt = attempt, crashes = crashes, interruptions = interruptions, outages = outages, changes = changes, reason = reason,
    run_at = run_at, deadline = deadline, rank = rank, queue = queue, kind = kind,
    labels = labels_in(flags, record, label_from),
    body = pack(BODY, created, deadline, order, asked_limits, rank, #queue, queue, #kind, kind) .. tail,
  }
  if attempt > 0 or worker ~= NOBODY or state >= RUNNING then
    needs_run(job)
    job.started, job.finished, job.outage_since, job.limits, job.token, job.worker = started, finished, outage_since, limits, token, worker
    job.result = sub(record, payload_to + 1)
  end
  return job
end

-- Converts a job of layout 6 to this layout.
local function convert(queue, member)
  local id = sub(member, 9)
  local key = root .. 's:' .. id
  local record = call('GET', key)
  if not record then return end
  append(queue, unpacked('>I8', member), id)
  delete(key)
  local ok, job = pcall(parse_6, id, record)
  if not ok then
    bury_corrupt({ id = id, key = root .. K_JOB .. id, member = member }, queue)
    return
  end
  enter(job, job.state, 0)
  if job.state == RUNNING then
    -- All workers were stopped before the upgrade, so the lease ends now.
    zadd(root .. K_RUNNING .. queue, text(lease_now), member)
    sadd(root .. K_HELD .. queue .. ':' .. job.worker, member)
  end
  if job.state < RUNNING and has(job, HAS_DEADLINE) then zadd(root .. K_DEADLINE .. queue, text(job.deadline), member) end
  save(job)
end

-- Moves all jobs to a separate set, and deletes the sets that are built again.
local function begin_upgrade(queue, aside)
  call('RENAME', root .. K_ALL .. queue, aside)
  for _, set in ipairs({ K_SCHEDULED, K_FINAL, K_DEAD, K_CANCELLED, K_DEADLINE, 'grants:', 'leases:' }) do
    call('UNLINK', root .. set .. queue)
  end
  for _, kind in ipairs(call('SMEMBERS', root .. K_KINDS .. queue)) do
    call('UNLINK', root .. K_READY .. queue .. ':' .. kind, root .. 'alone:' .. queue .. ':' .. kind)
  end
  for _, worker in ipairs(call('HKEYS', root .. 'workers:' .. queue)) do call('UNLINK', root .. K_HELD .. queue .. ':' .. worker) end
end

-- In:  ARGV 1 frame  2 queue
-- Out: 1 if there may be more jobs to convert, else 0
local function upgrade_queue(args)
  read_frame(args[1])
  begin_writes()
  local queue = args[2]
  local aside, old_meta = root .. 'all.6:' .. queue, root .. 'queue:' .. queue
  if call('TYPE', root .. K_ALL .. queue).ok == 'zset' then begin_upgrade(queue, aside) end
  local entries = call('ZRANGE', aside, '0', '9')
  for _, entry in ipairs(entries) do
    for at = 1, #entry, MEMBER do convert(queue, sub(entry, at, at + MEMBER - 1)) end
  end
  flush()
  if entries[1] then
    call('ZREM', aside, unpack(entries))
    return 1
  end
  if call('TYPE', old_meta).ok == 'hash' then
    for _, field in ipairs({ 'token', 'since', 'seen', 'rules_version', 'rules', 'rules_level', 'paused_until' }) do
      local value = call('HGET', old_meta, field)
      if value then call('HSET', root .. K_QUEUE .. queue, field, value) end
    end
    call('UNLINK', root .. 'workers:' .. queue, root .. K_WORKERS_SEEN .. queue)
    -- With this key of another type, every function of a program of layout 6 fails before it writes.
    call('SET', old_meta, 'upgraded by a newer longshore: stop this program')
  end
  return 0
end
