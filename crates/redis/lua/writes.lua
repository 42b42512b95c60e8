-- Gathers what a call writes: one command a set, however many jobs it concerns. A function checks first, then gathers; what it
-- gathered is written by `finish`, or by `flush` where it reads again what it has changed.

local values, doomed, scores, lost_scores, members, lost_members
-- Of which queue and kind a job was noted last: a batch is mostly of one.
local noted_queue, noted_kind
-- Whom it concerns: how many jobs of which queue and kind may be claimed; which jobs changed.
local work, news

-- Tables are made when the first value comes: most calls need few of them.
local function begin_writes()
  values, doomed, scores, lost_scores, members, lost_members, noted_queue = nil, nil, nil, nil, nil, nil, nil
  work, news = {}, {}
end

local function list(of, key)
  local found = of[key]
  if not found then
    found = {}
    of[key] = found
  end
  return found
end

local function zadd(set, score, member)
  scores = scores or {}
  local to = list(scores, set)
  local n = #to
  to[n + 1], to[n + 2] = score, member
end

local function zrem(set, member)
  lost_scores = lost_scores or {}
  local from = list(lost_scores, set)
  from[#from + 1] = member
end

local function sadd(set, member)
  members = members or {}
  local to = list(members, set)
  to[#to + 1] = member
end

local function srem(set, member)
  lost_members = lost_members or {}
  local from = list(lost_members, set)
  from[#from + 1] = member
end

-- Notes that jobs of a kind are ready in a queue.
local function note_ready(queue, kind)
  if queue == noted_queue and kind == noted_kind then return end
  noted_queue, noted_kind = queue, kind
  sadd(root .. K_KINDS .. queue, kind)
end

local function put(key, value)
  values = values or {}
  local n = #values
  values[n + 1], values[n + 2] = key, value
end

local function delete(key)
  doomed = doomed or {}
  doomed[#doomed + 1] = key
end

-- Writes a job's record anew; returns it.
local function save(job)
  local record = write(job)
  put(job.key, record)
  return record
end

local function in_each(command, sets)
  for set, its in pairs(sets) do in_chunks(command, set, its) end
end

-- Writes what was gathered so far.
local function flush()
  if lost_scores then in_each('ZREM', lost_scores) end
  if lost_members then in_each('SREM', lost_members) end
  if scores then in_each('ZADD', scores) end
  if members then in_each('SADD', members) end
  if values then in_chunks('MSET', nil, values) end
  if doomed then in_chunks('DEL', nil, doomed) end
  values, doomed, scores, lost_scores, members, lost_members, noted_queue = nil, nil, nil, nil, nil, nil, nil
end

-- Notes jobs that may be claimed, or will be due.
local function woke(queue, kind, n)
  local kinds = list(work, queue)
  kinds[kind] = (kinds[kind] or 0) + n
end

-- Tells all processes what to look at.
local function tell_all(what)
  call('PUBLISH', channels .. CHANNEL_ALL, char(what))
end
