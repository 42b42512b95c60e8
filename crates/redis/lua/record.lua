-- A job's record. It is a string with a head, a body, a run, and the result if that is small. The head and the run change, the body never
-- changes. `layout.rs` has the layouts. A member of a set is the order (8 bytes) and the id (16 bytes) of a job.

-- Reads a record; raises an error if it is corrupt. (Creating the table with all fields at once takes a third of the time.)
local function parse(id, record)
  local HEAD_FIELDS = unpacked(HEAD, record)
  local run_from = HEAD_BYTES + length + 1
  local body = sub(record, HEAD_BYTES + 1, run_from - 1)
  if version ~= RECORD_VERSION or state > CANCELLED or #body ~= length then error('unknown layout') end
  if state >= RUNNING and band(flags, HAS_RUN) == 0 then error('no run') end
  local BODY_FIELDS, label_from = unpacked(BODY, body)
  local RUN_FIELDS, result_from, result
  if band(flags, HAS_RUN) ~= 0 then
    RUN_FIELDS, result_from = unpacked(RUN, record, run_from)
    result = sub(record, result_from)
  end
  return {
    id = id, key = root .. K_JOB .. id, member = order .. id, state = state, flags = flags, cancel_asked = flags % 2, attempt = attempt,
    crashes = crashes, interruptions = interruptions, outages = outages, changes = changes, reason = reason, run_at = run_at,
    body = body, created = created, deadline = deadline, asked_limits = asked_limits, rank = rank, queue = queue, kind = kind,
    labels = labels_in(flags, body, label_from), started = started, finished = finished, outage_since = outage_since, limits = limits, token = token,
    worker = worker, result = result,
  }
end

-- The keys beside a job's record: the first part of the name of each, and the flag of the record that says that it exists.
local keys_beside = {
  [K_PAYLOAD] = PAYLOAD_BESIDE, [K_RESULT] = RESULT_BESIDE, [K_PROGRESS] = HAS_PROGRESS, [K_FAILURES] = HAS_FAILURES, [K_LOG] = HAS_LOG,
}

-- Adds an empty run to a job that never ran.
local function needs_run(job)
  if not job.token then
    job.flags = job.flags + HAS_RUN
    job.started, job.finished, job.outage_since, job.limits, job.token, job.worker, job.result = 0, 0, 0, NO_LIMITS, NOBODY, NOBODY, ''
  end
end

-- Returns a job as a record.
local function write(job)
  local flags = job.flags - job.flags % 2 + job.cancel_asked
  local head = pack(HEAD, RECORD_VERSION, job.state, flags, job.attempt, job.crashes, job.interruptions, job.outages,
    job.changes, job.reason, #job.body, job.run_at)
  if not job.token then return head .. job.body end
  return head .. job.body
    .. pack(RUN, job.started, job.finished, job.outage_since, job.limits, job.token, job.worker) .. job.result
end

-- Returns whether any of these flags is set.
local function has(job, flag)
  return band(job.flags, flag) ~= 0
end

local function mark(job, flag)
  job.flags = bit.bor(job.flags, flag)
end

local function unmark(job, flag)
  job.flags = job.flags - band(job.flags, flag)
end

-- Reads jobs. The result for each id is false if there is no record; `{ id, key, corrupt = true }` if the record is corrupt; else the job.
-- An id that occurs twice gets the same table, so that the second use sees the changes of the first.
local function read_jobs(ids)
  local keys, jobs = {}, {}
  for at = 1, #ids do keys[at] = root .. K_JOB .. ids[at] end
  local records, met = read_all(keys), {}
  for at = 1, #ids do
    local id, record = ids[at], records[at]
    if record and not met[id] then
      local ok, job = pcall(parse, id, record)
      met[id] = ok and job or { id = id, key = keys[at], corrupt = true }
    end
    jobs[at] = record and met[id]
  end
  return jobs
end

-- Reads the jobs of these members of sets.
local function read_members(members)
  local ids = {}
  for at = 1, #members do ids[at] = sub(members[at], 9) end
  local jobs = read_jobs(ids)
  for at = 1, #members do
    if jobs[at] then jobs[at].member = members[at] end
  end
  return jobs
end

-- Returns the description of a moved job for events and logs. `worker` is the worker that held it.
local function describe(job, worker)
  return pack(MOVED, job.id, job.state, job.attempt, job.crashes, job.reason, worker or job.worker or NOBODY, #job.queue, job.queue,
    #job.kind, job.kind)
end

-- In:  ARGV 1 the id of a job as text  KEYS 1 the prefix of the keys of its queue
-- Out: the job's record in words, and the names of its other keys; for `redis-cli`
local function show(args)
  local id = args[1]:gsub('-', ''):gsub('%x%x', function(hex) return char(tonumber(hex, 16)) end)
  local record = call('GET', root .. K_JOB .. id)
  if not record then return redis.error_reply('ERR no such job in ' .. root) end
  local job = parse(id, record)
  local function hex(bytes)
    return bytes and (bytes:gsub('.', function(one) return format('%02x', byte(one)) end)) or '-'
  end
  local lines = { 'state: ' .. (STATES)[job.state + 1] }
  for _, name in ipairs({ 'queue', 'kind', 'rank', 'attempt', 'crashes', 'interruptions', 'outages', 'changes', 'reason', 'flags',
    'created', 'run_at', 'deadline', 'started', 'finished', 'outage_since', 'cancel_asked' }) do
    lines[#lines + 1] = name .. ': ' .. tostring(job[name] or '-')
  end
  lines[#lines + 1] = 'token: ' .. hex(job.token)
  lines[#lines + 1] = 'worker: ' .. hex(job.worker)
  for _, name in ipairs({ 'asked_limits', 'limits' }) do
    if job[name] then lines[#lines + 1] = format('%s: %d attempts, %d ms', name, unpacked('<HI4', job[name])) end
  end
  for _, name in ipairs({ 'unique', 'scope', 'reuse', 'within', 'alias' }) do
    if job.labels[name] then lines[#lines + 1] = name .. ': ' .. job.labels[name] end
  end
  if job.labels.tags[1] then lines[#lines + 1] = 'tags: ' .. concat(job.labels.tags, ', ') end
  for _, beside in ipairs({ K_PAYLOAD, K_RESULT, K_PROGRESS, K_FAILURES, K_LOG }) do
    if call('EXISTS', root .. beside .. id) == 1 then lines[#lines + 1] = 'beside: ' .. root .. beside .. '<id>' end
  end
  return lines
end
