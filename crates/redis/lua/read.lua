-- What people and their tools read; nothing of it is counted or searched through.

-- Returns what lies beside a record, where its flags say that there is something.
local function beside(flags, flag, kind, id)
  return band(flags, flag) ~= 0 and call('GET', root .. kind .. id)
end

-- Returns the record of a job, and its flags; nothing where there is none.
local function record_of(id)
  local record = call('GET', root .. K_JOB .. id)
  return record, record and #record >= HEAD_BYTES and unpacked('<H', record, FLAGS_FROM) or 0
end

-- In:  ARGV 1… ids
-- Out: for each nothing; or its record, payload and result (where these are large), progress and failures
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

-- Reads what somebody who waits needs.
-- In:  ARGV 1… ids
-- Out: for each nothing; or its record, progress and newest failure (nothing where there is none)
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

-- Reads what there is of a queue, and finds the job that has been ready longest by a seek for each kind and priority.
-- In:  ARGV 1 frame  2 queue
-- Out: nothing where the queue is not known; else
--      1 now, how long the oldest ready job has waited (-1: none)  2 how many jobs there are in all, and scheduled, running, finished,
--        dead, cancelled  3 the version of the rules and their text, where there are any
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

-- Reads a stretch of a set of jobs, the newest first.
-- In:  ARGV 1 the set, without what all keys begin with: one that is sorted by order, or the stream of all jobs  2 the order before
--           which to begin (as text), or nothing  3 how many  4 whether to read records, too (0 or 1)
-- Out: a member each; with records, each followed by its record, or nothing where that is gone
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

-- Reads all jobs that wait to be due, are ready, or run, where they are few.
-- In:  ARGV 1 queue  2 the state  3 a kind, or nothing  4 how many are few
-- Out: the members in no order; nothing where they are more
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
