-- Gathers the changes of a call, so that one command for each set covers all jobs. A function checks first, then gathers changes. `finish`
-- writes them; `flush` writes them earlier, if the function reads again what it has changed.

local values, deleted, scores, removed_scores, members, removed_members
-- The queue and kind of the last ready job: most jobs of a batch have the same.
local noted_queue, noted_kind
-- For notifications: the number of new ready jobs by queue and kind, and the ids of changed jobs.
local work, news

-- Tables are made when the first value comes: most calls need few of them.
local function begin_writes()
  values, deleted, scores, removed_scores, members, removed_members, noted_queue = nil, nil, nil, nil, nil, nil, nil
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
  removed_scores = removed_scores or {}
  local from = list(removed_scores, set)
  from[#from + 1] = member
end

local function sadd(set, member)
  members = members or {}
  local to = list(members, set)
  to[#to + 1] = member
end

local function srem(set, member)
  removed_members = removed_members or {}
  local from = list(removed_members, set)
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
  deleted = deleted or {}
  deleted[#deleted + 1] = key
end

-- Writes the record of a job. Returns the record.
local function save(job)
  local record = write(job)
  put(job.key, record)
  return record
end

local function in_each(command, sets)
  for set, entries in pairs(sets) do in_chunks(command, set, entries) end
end

-- Writes the changes gathered so far.
local function flush()
  if removed_scores then in_each('ZREM', removed_scores) end
  if removed_members then in_each('SREM', removed_members) end
  if scores then in_each('ZADD', scores) end
  if members then in_each('SADD', members) end
  if values then in_chunks('MSET', nil, values) end
  if deleted then in_chunks('DEL', nil, deleted) end
  values, deleted, scores, removed_scores, members, removed_members, noted_queue = nil, nil, nil, nil, nil, nil, nil
end

-- Notes n jobs of a kind that are ready, or will be due, for notifications.
local function woke(queue, kind, n)
  local kinds = list(work, queue)
  kinds[kind] = (kinds[kind] or 0) + n
end

-- Notifies all processes. `what` has the bits TELLS_ALL_WORK and TELLS_CANCELS.
local function tell_all(what)
  call('PUBLISH', channels .. CHANNEL_ALL, char(what))
end
