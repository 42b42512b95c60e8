-- Reads jobs and queues. No call counts or searches jobs.

-- Returns a part of a job with its own key, if the flags of the record say that it exists.
local function beside(flags, flag, kind, id)
  return band(flags, flag) ~= 0 and call('GET', root .. kind .. id)
end

-- Returns the record of a job and its flags; false and 0 if there is none.
local function record_of(id)
  local record = call('GET', root .. K_JOB .. id)
  return record, record and #record >= HEAD_BYTES and unpacked('<H', record, FLAGS_FROM) or 0
end

-- In:  ARGV 1… ids
-- Out: for each job its record, payload and result (if these are large), progress and failures; nothing if it is not found
local function get(args)
  local jobs = {}
  for at, id in ipairs(args) do
    local record, flags = record_of(id)
    jobs[at] = record and {
      record, beside(flags, PAYLOAD_BESIDE, K_PAYLOAD, id), beside(flags, RESULT_BESIDE, K_RESULT, id),
      beside(flags, HAS_PROGRESS, K_PROGRESS, id),
      band(flags, HAS_FAILURES) ~= 0 and call('LRANGE', root .. K_FAILURES .. id, 0, -1) or {},
    }
  end
  return jobs
end

-- Reads what a client needs that polls jobs.
-- In:  ARGV 1… ids
-- Out: for each job its record, progress and newest failure (nothing if there is none); nothing if it is not found
local function status(args)
  local jobs = {}
  for at, id in ipairs(args) do
    local record, flags = record_of(id)
    jobs[at] = record and {
      record, beside(flags, HAS_PROGRESS, K_PROGRESS, id),
      band(flags, HAS_FAILURES) ~= 0 and call('LINDEX', root .. K_FAILURES .. id, -1),
    }
  end
  return jobs
end

-- Reads the statistics of a queue. It finds the oldest ready job with one lookup for each kind and priority.
-- In:  ARGV 1 frame  2 queue
-- Out: nothing if the queue is not known; else
--      1 now, how long the oldest ready job has waited (-1: there is none)  2 the number of jobs: all, scheduled, running, finished,
--        dead, cancelled  3 the version of the rules and their text, if there are rules
local function queue(args)
  read_frame(args[1])
  local queue, oldest = args[2], nil
  if call('EXISTS', root .. K_QUEUE .. queue, root .. K_ALL .. queue) == 0 then return false end
  local total, counts = call('XLEN', root .. K_ALL .. queue), {}
  for at, set in ipairs({ K_SCHEDULED, K_RUNNING, K_FINAL, K_DEAD, K_CANCELLED }) do counts[at] = call('ZCARD', root .. set .. queue) end
  if total > counts[1] + counts[2] + counts[3] then
    for _, kind in ipairs(call('SMEMBERS', root .. K_KINDS .. queue)) do
      for _, crashes in ipairs({ 0, 2 }) do
        each_rank(ready_set(queue, kind, crashes), function(_, run_at) oldest = min(oldest or run_at, run_at) end)
      end
    end
  end
  local rules = call('HMGET', root .. K_QUEUE .. queue, 'rules_version', 'rules')
  return { pack('<i8i8', now, oldest and max(now - oldest, 0) or -1), { total, unpack(counts) }, rules }
end

-- Reads part of a set of jobs, the newest first.
-- In:  ARGV 1 the key of the set without the prefix: a set sorted by order, or the stream of all jobs  2 the order before which to
--           start (as text), or an empty string  3 how many  4 whether to read records too (0 or 1)
-- Out: the members; with records, each is followed by its record, or by nothing if it has none
local function list_by_order(args)
  local set, before, many, rows, members = root .. args[1], args[2], args[3], {}, {}
  if sub(args[1], 1, #K_ALL) == K_ALL then
    local newest = before == '' and '+' or '(' .. before .. '-0'
    for at, entry in ipairs(call('XREVRANGE', set, newest, '-', 'COUNT', many)) do
      members[at] = pack('>I8', tonumber(entry[1]:match('^%d+'))) .. entry[2][2]
    end
  else
    local newest = before == '' and '+' or '(' .. pack('>I8', tonumber(before))
    members = call('ZREVRANGEBYLEX', set, newest, '-', 'LIMIT', '0', many)
  end
  if args[4] == '0' then return members end
  local keys = {}
  for at, member in ipairs(members) do keys[at] = root .. K_JOB .. sub(member, 9) end
  local records = read_all(keys)
  for at, member in ipairs(members) do rows[2 * at - 1], rows[2 * at] = member, records[at] end
  return rows
end

-- Reads all scheduled, ready or running jobs of a queue, if there are only a few.
-- In:  ARGV 1 queue  2 the state  3 a kind, or an empty string  4 the maximum number
-- Out: the members in no order; nothing if there are more than the maximum
local function list_few(args)
  local queue, state, few = args[1], tonumber(args[2]), tonumber(args[4])
  local sets, all = {}, {}
  if state == SCHEDULED then sets[1] = root .. K_SCHEDULED .. queue end
  if state == RUNNING then sets[1] = root .. K_RUNNING .. queue end
  if state == READY then
    for _, kind in ipairs(args[3] ~= '' and { args[3] } or call('SMEMBERS', root .. K_KINDS .. queue)) do
      for _, crashes in ipairs({ 0, 2 }) do sets[#sets + 1] = ready_set(queue, kind, crashes) end
    end
  end
  for _, set in ipairs(sets) do
    few = few - call('ZCARD', set)
    if few < 0 then return false end
  end
  for _, set in ipairs(sets) do
    for _, member in ipairs(call('ZRANGE', set, '0', '-1')) do all[#all + 1] = member end
  end
  return all
end
