-- Gathers the changes of a call, so that one command for each set covers all jobs. A function checks first, then gathers changes. `finish`
-- writes them; `flush` writes them earlier, if the function reads again what it has changed.

local values, deleted, scores, removed_scores, members, removed_members, kinds
-- For notifications: the number of new ready jobs by queue and kind, and the ids of changed jobs.
local work, news

local function begin_writes()
  values, deleted, scores, removed_scores, members, removed_members, kinds = {}, {}, {}, {}, {}, {}, {}
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
  local from = list(removed_scores, set)
  from[#from + 1] = member
end

local function sadd(set, member)
  local to = list(members, set)
  to[#to + 1] = member
end

local function srem(set, member)
  local from = list(removed_members, set)
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
  deleted[#deleted + 1] = key
end

-- Writes the record of a job. Returns the record.
local function save(job)
  local record = write(job)
  put(job.key, record)
  return record
end

-- Writes the changes gathered so far.
local function flush()
  for set, entries in pairs(removed_scores) do in_chunks('ZREM', set, entries) end
  for set, entries in pairs(removed_members) do in_chunks('SREM', set, entries) end
  for set, entries in pairs(scores) do in_chunks('ZADD', set, entries) end
  for set, entries in pairs(members) do in_chunks('SADD', set, entries) end
  for set, entries in pairs(kinds) do
    for kind in pairs(entries) do call('SADD', set, kind) end
  end
  if values[1] then in_chunks('MSET', nil, values) end
  if deleted[1] then in_chunks('DEL', nil, deleted) end
  values, deleted, scores, removed_scores, members, removed_members, kinds = {}, {}, {}, {}, {}, {}, {}
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
