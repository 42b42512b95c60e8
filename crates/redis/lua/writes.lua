-- Gathers what a call writes: one command a set, however many jobs it concerns. A function checks first, then gathers; what it
-- gathered is written by `finish`, or by `flush` where it reads again what it has changed.

local values, doomed, scores, lost_scores, members, lost_members, kinds
-- Whom it concerns: how many jobs of which queue and kind may be claimed; which jobs changed.
local work, news

local function begin_writes()
  values, doomed, scores, lost_scores, members, lost_members, kinds = {}, {}, {}, {}, {}, {}, {}
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
  local to = list(scores, set)
  local n = #to
  to[n + 1], to[n + 2] = score, member
end

local function zrem(set, member)
  local from = list(lost_scores, set)
  from[#from + 1] = member
end

local function sadd(set, member)
  local to = list(members, set)
  to[#to + 1] = member
end

local function srem(set, member)
  local from = list(lost_members, set)
  from[#from + 1] = member
end

-- Notes that jobs of a kind are ready in a queue.
local function note_ready(queue, kind)
  list(kinds, root .. K_KINDS .. queue)[kind] = true
end

local function put(key, value)
  local n = #values
  values[n + 1], values[n + 2] = key, value
end

local function delete(key)
  doomed[#doomed + 1] = key
end

-- Writes a job's record anew; returns it.
local function save(job)
  local record = write(job)
  put(job.key, record)
  return record
end

-- Writes what was gathered so far.
local function flush()
  for set, its in pairs(lost_scores) do in_chunks('ZREM', set, its) end
  for set, its in pairs(lost_members) do in_chunks('SREM', set, its) end
  for set, its in pairs(scores) do in_chunks('ZADD', set, its) end
  for set, its in pairs(members) do in_chunks('SADD', set, its) end
  for set, its in pairs(kinds) do
    for kind in pairs(its) do call('SADD', set, kind) end
  end
  if values[1] then in_chunks('MSET', nil, values) end
  if doomed[1] then in_chunks('DEL', nil, doomed) end
  values, doomed, scores, lost_scores, members, lost_members, kinds = {}, {}, {}, {}, {}, {}, {}
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
