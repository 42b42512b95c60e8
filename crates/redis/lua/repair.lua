-- Looks for what other programs have changed, and repairs it. A walk goes over all keys twice: first each must be of its type, then each record
-- must be in all sets that it belongs to, and each set must have only what belongs there.

-- What there is under names that begin like that.
local types = {
  [K_JOB] = 'string', [K_PAYLOAD] = 'string', [K_RESULT] = 'string', [K_PROGRESS] = 'string', [K_FAILURES] = 'list', [K_LOG] = 'hash',
  [K_QUEUE] = 'hash', [K_KINDS] = 'set', [K_KINDS_SEEN] = 'zset', [K_ALL] = 'stream', [K_SCHEDULED] = 'zset', [K_READY] = 'zset',
  [K_ISOLATED] = 'zset', [K_RUNNING] = 'zset', [K_HELD] = 'set', [K_FINAL] = 'zset', [K_DEAD] = 'zset', [K_CANCELLED] = 'zset',
  [K_DEADLINE] = 'zset', [K_UNIQUE] = 'hash', [K_REUSE] = 'zset', [K_ALIAS] = 'zset', [K_TAG] = 'zset', [K_ANSWERS] = 'hash',
  [K_ANSWERS_UNTIL] = 'zset', [K_WORKERS_SEEN] = 'zset', [K_WAITING] = 'zset', [K_GROUPS] = 'zset', [K_ARTIFACTS] = 'zset',
  [K_ARTIFACTS_AT] = 'hash', [K_QUEUES] = 'zset', [K_QUEUES_USED] = 'zset', [K_REGISTRY] = 'hash', [K_REGISTRY_IDS] = 'zset',
  [K_REGISTRY_SEEN] = 'zset', [K_RELEASED] = 'zset', [K_ARTIFACT_TAGS] = 'set', [K_UPKEEP] = 'string', [K_UPKEEP_AT] = 'string',
}

-- The functions of this file, in a table: a library has room for few more names. `findings` and `writes` belong to the call that runs: what
-- was found, each with its queue and its job's id; and whether to repair it.
local repair = {}

-- The sets whose entries are jobs.
repair.walked = {
  [K_ALL] = true, [K_SCHEDULED] = true, [K_READY] = true, [K_ISOLATED] = true, [K_RUNNING] = true, [K_HELD] = true, [K_FINAL] = true,
  [K_DEAD] = true, [K_CANCELLED] = true, [K_DEADLINE] = true, [K_REUSE] = true, [K_ALIAS] = true, [K_TAG] = true, [K_UNIQUE] = true,
}

-- Notes that something is wrong; returns whether to repair it.
function repair.found(queue, id, what)
  repair.findings[#repair.findings + 1] = { queue or '', id or '', what }
  return repair.writes
end

-- Asks a set; nothing where its key is of another type.
function repair.ask(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then return nil end
  return answer
end

-- Splits the name of a key: what it begins with, its queue, what follows the queue.
function repair.parts(name)
  local kind = name:match('^[^:]*:')
  if not kind then return name end
  local rest = sub(name, #kind + 1)
  return kind, rest:match('^[^:]*'), rest:match('^[^:]*:(.*)$') or ''
end

-- Ensures that a key is of its type. A record that is none is made one that makes no sense, so that its job is dead and not lost.
function repair.type(name)
  local kind, queue = repair.parts(name)
  local wanted, is = types[kind], call('TYPE', root .. name).ok
  if not wanted or is == wanted or is == 'none' then return end
  local of_job = kind == K_JOB or keys_beside[kind]
  local what = format('the key `%s` is a %s, and not a %s', kind, is, wanted)
  if repair.found(not of_job and queue, of_job and sub(name, #kind + 1), what) then
    call('UNLINK', root .. name)
    if kind == K_JOB then call('SET', root .. name, '') end
  end
end

-- Ensures that a job is in a place, with its score there.
function repair.place(job, place)
  local key, is_there = key_of(job, place)
  if place.set == K_HELD then
    is_there = repair.ask('SISMEMBER', key, job.member) == 1
  else
    local its = repair.ask('ZSCORE', key, job.member)
    is_there = its and (not place.score or tonumber(its) == place.score)
  end
  if is_there or not repair.found(job.queue, job.id, format('it is %s, and %s', (STATES)[job.state + 1], place.missing)) then return end
  if place.set == K_HELD then sadd(key, job.member) else zadd(key, text(place.new), job.member) end
end

-- Ensures that a job is in all its places, that the kind of a ready job is known, and that a job holds its unique key if nobody else does.
function repair.places(job)
  local queue, unique = job.queue, job.labels.unique
  for _, place in ipairs(places_of(job)) do repair.place(job, place) end
  if job.state == READY and repair.ask('SISMEMBER', root .. K_KINDS .. queue, job.kind) ~= 1
    and repair.found(queue, job.id, 'it is ready, and its kind is none of those of the queue') then note_ready(queue, job.kind) end
  -- A key with a period may have ended; it is not given again.
  if not unique or job.labels.scope >= 2 or ends_scope(job.labels.scope, job.state) then return end
  -- A job that waits for another attempt has started before.
  if job.labels.scope == 0 and job.token then return end
  local is_held = call('TYPE', root .. K_UNIQUE .. queue).ok == 'hash' and holder(queue, unique, {})
  if not is_held and repair.found(queue, job.id, 'it does not hold its unique key, and nobody else does') then
    hold(queue, unique, job.labels.scope, job.member)
  end
end

-- Gives a job that has a new order its new member in all its places.
function repair.renumber(job, order)
  local unique, old, new = job.labels.unique, job.member, pack('>I8', order) .. job.id
  for _, place in ipairs(places_of(job)) do
    local key = key_of(job, place)
    if place.set == K_HELD then
      if call('SREM', key, old) == 1 then call('SADD', key, new) end
    else
      local score = call('ZSCORE', key, old)
      if score then
        call('ZREM', key, old)
        call('ZADD', key, score, new)
      end
    end
  end
  local held = unique and call('HGET', root .. K_UNIQUE .. job.queue, unique)
  if held and sub(held, 1, 24) == old then call('HSET', root .. K_UNIQUE .. job.queue, unique, new .. sub(held, 25)) end
  job.member, job.body = new, sub(job.body, 1, 16) .. sub(new, 1, 8) .. sub(job.body, 25)
  call('SET', job.key, write(job))
end

-- Returns whether the stream of all jobs has a job.
function repair.is_listed(queue, member)
  local order = text(unpacked('>I8', member))
  local entry = (repair.ask('XRANGE', root .. K_ALL .. queue, order, order, 'COUNT', '1') or {})[1]
  return entry and entry[2][2] == sub(member, 9)
end

-- Ensures that a job is where its record says. One whose record makes no sense is seen to where it is found in a set.
function repair.job(id)
  local job = #id == 16 and read_jobs({ id })[1]
  if not job or job.corrupt then return end
  if not repair.is_listed(job.queue, job.member) and repair.found(job.queue, id, 'it is not in the list of all jobs, nor counted') then
    local order = unpacked('>I8', job.member)
    local given = append(job.queue, order, id)
    if given ~= order then repair.renumber(job, given) end
  end
  if job.state < RUNNING and has(job, PAYLOAD_BESIDE) and call('EXISTS', root .. K_PAYLOAD .. id) == 0 then
    if repair.found(job.queue, id, 'its payload is gone; no handler can run it') then
      transition(job, BURY, CORRUPT)
      keep_failure(job, CORRUPT_CLASS, 0, job.attempt, NOBODY, NOBODY, "the job's payload is gone")
      save(job)
      flush()
    end
    return
  end
  local before = #repair.findings
  repair.places(job)
  if job.state < RUNNING and #repair.findings > before then woke(job.queue, job.kind, 1) end
  flush()
end

-- Returns whether a field of a queue's hash has a value that the functions can read.
function repair.is_readable(field, value)
  if field == 'rules' then return pcall(cjson.decode, value) end
  if sub(field, 1, 6) == 'claim:' then return #field == 22 and #value == struct.size(EARLIER) end
  return value:match('^%d+$') and tonumber(value) <= 2 ^ 53
end

-- Ensures that the fields of a queue's hash can be read: one that cannot stops all claims. Without its rules, a queue has no level nor
-- pause either. A field that is not of this version is left alone.
function repair.queue(queue)
  local meta = root .. K_QUEUE .. queue
  local fields = call('HGETALL', meta)
  for at = 1, #fields, 2 do
    local field, value = fields[at], fields[at + 1]
    local is_ours = repair.fields[field] or sub(field, 1, 6) == 'claim:'
    if is_ours and not repair.is_readable(field, value)
      and repair.found(queue, nil, format('the field `%s` of the queue makes no sense', (field:gsub('[^%w_:]', '?')))) then
      call('HDEL', meta, field)
      if field == 'rules' then call('HDEL', meta, 'rules_level', 'paused_until') end
    end
  end
end
repair.fields = { rules = true, rules_version = true, rules_level = true, paused_until = true, token = true, since = true, seen = true }

-- Deletes what lies beside a record that is not there any more.
function repair.beside(name, id)
  if call('EXISTS', root .. K_JOB .. id) == 1 then return end
  if repair.found(nil, id, 'something belongs to it, and it is gone') then call('UNLINK', root .. name) end
end

-- In:  ARGV 1 frame  2 whether to repair (0 or 1)  3 whether to look at types alone (0 or 1)  4… names of keys
-- Out: 1 what is wrong: queue, id and words of each  2 the names of sets that are to be looked at
local function repair_keys(args)
  read_frame(args[1])
  begin_writes()
  repair.findings, repair.writes = {}, args[2] == '1'
  local sets = {}
  for at = 4, #args do
    local name = args[at]
    local kind = repair.parts(name)
    if args[3] == '1' then
      repair.type(name)
    elseif kind == K_JOB then
      repair.job(sub(name, #kind + 1))
    elseif kind == K_QUEUE then
      repair.queue(sub(name, #kind + 1))
    elseif keys_beside[kind] then
      repair.beside(name, sub(name, #kind + 1))
    elseif repair.walked[kind] then
      sets[#sets + 1] = name
    end
  end
  if repair.writes then finish() end
  return { repair.findings, sets }
end

-- Returns whether an entry of a set belongs there. `rest` is what follows the queue in the name of the set.
function repair.belongs(job, set, rest, named)
  if set == K_ALL then return named == text(unpacked('>I8', job.member)) .. '-0' end
  if set == K_UNIQUE then return job.labels.unique == named and not ends_scope(job.labels.scope, job.state) end
  return belongs(job, set, rest)
end

-- Reads a stretch of a set from a place on, whatever it is; returns where to go on ('0': at the end), and entries: the member, what
-- names its entry there.
function repair.read(kind, set, from, many)
  local entries = {}
  if kind == K_ALL then
    local read = call('XRANGE', set, from == '0' and '-' or '(' .. from, '+', 'COUNT', many)
    for at, entry in ipairs(read) do
      local order = tonumber(entry[1]:match('^%d+'))
      entries[at] = { pack('>I8', order) .. (entry[2][2] or ''), entry[1] }
    end
    return #read == tonumber(many) and read[#read][1] or '0', entries
  end
  local command = ({ hash = 'HSCAN', set = 'SSCAN', zset = 'ZSCAN' })[types[kind]]
  local next_at, read = unpack(call(command, set, from, 'COUNT', many))
  local step = command == 'SSCAN' and 1 or 2
  for at = 1, #read, step do
    entries[#entries + 1] = kind == K_UNIQUE and { sub(read[at + 1], 1, 24), read[at] } or { read[at], read[at] }
  end
  return next_at, entries
end

-- Takes an entry out of a set.
function repair.remove(kind, set, entry)
  if kind == K_ALL then
    call('XDEL', set, entry)
  else
    call(({ hash = 'HDEL', set = 'SREM', zset = 'ZREM' })[types[kind]], set, entry)
  end
end

-- Sees to an entry of a set: one without a job, or with one that does not belong there, is removed; one with a corrupt record makes its job dead.
function repair.entry(kind, queue, rest, set, entry, job)
  local member, named = entry[1], entry[2]
  if #member ~= MEMBER then
    if repair.found(queue, nil, format('`%s` has an entry that is no job', kind)) then repair.remove(kind, set, named) end
  elseif not job then
    if repair.found(queue, sub(member, 9), format('`%s` has an entry of it, and it is gone', kind)) then
      repair.remove(kind, set, named)
    end
  elseif job.corrupt then
    if kind ~= K_ALL and not repair.writes and repair.is_listed(queue, member) then return end -- told where all jobs are
    if repair.found(queue, job.id, 'its record makes no sense') then
      if kind ~= K_ALL then repair.remove(kind, set, named) end
      job.corrupt, job.member = nil, member
      bury_corrupt(job, queue)
      flush()
      repair.job(job.id)
    end
  elseif job.member ~= member or job.queue ~= queue or not repair.belongs(job, kind, rest, named) then
    local what = format('it is %s, and `%s` has an entry of it that does not belong there', (STATES)[job.state + 1], kind)
    if repair.found(queue, job.id, what) then repair.remove(kind, set, named) end
  end
end

-- In:  ARGV 1 frame  2 whether to repair (0 or 1)  3 the name of a set  4 the place in it from which to go on; '0' is the beginning
--           5 how many entries, about: a small set is read at once
-- Out: 1 what is wrong, as in repair_keys  2 the place from which to go on, '0' at the end  3 how many entries were read
local function repair_set(args)
  read_frame(args[1])
  begin_writes()
  repair.findings, repair.writes = {}, args[2] == '1'
  local name, set = args[3], root .. args[3]
  local kind, queue, rest = repair.parts(name)
  if not repair.walked[kind] or call('TYPE', set).ok ~= types[kind] then return { {}, '0', 0 } end
  local next_at, entries = repair.read(kind, set, args[4], args[5])
  local ids = {}
  for at, entry in ipairs(entries) do ids[at] = sub(entry[1], 9) end
  local jobs = read_jobs(ids)
  for at, entry in ipairs(entries) do
    repair.entry(kind, queue, rest, set, entry, jobs[at])
  end
  if repair.writes then finish() end
  return { repair.findings, next_at, #entries }
end
