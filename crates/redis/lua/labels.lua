-- The labels of a job: unique key, reuse key, alias, tags. They are in the body of its record.

-- The labels of a job that has none.
local no_labels = { tags = {} }

-- Reads the labels: unique key and its scope, reuse key and the maximum age of a result, alias, tags.
local function labels_in(flags, body, at)
  if band(flags, HAS_UNIQUE + HAS_REUSE + HAS_LABELS) == 0 then return no_labels end
  local unique, scope, reuse, within, alias, tags = nil, nil, nil, nil, nil, {}
  if band(flags, HAS_UNIQUE) ~= 0 then unique, scope, at = unpacked('<Bc0i8', body, at) end
  if band(flags, HAS_REUSE) ~= 0 then reuse, within, at = unpacked('<Bc0i8', body, at) end
  if band(flags, HAS_LABELS) ~= 0 then
    local key, n
    key, alias, n, at = unpacked('<Bc0Bc0B', body, at)
    if alias == '' then alias = nil end
    for place = 1, n do tags[place], at = unpacked('<Bc0', body, at) end
  end
  return { unique = unique, scope = scope, reuse = reuse, within = within, alias = alias, tags = tags }
end

-- Returns the member that holds a unique key now. `known` has the jobs of this call, whose records are not written yet.
local function holder(queue, unique, known)
  local held = call('HGET', root .. K_UNIQUE .. queue, unique)
  if not held then return nil end
  local member, till = unpacked('<c24i8', held)
  if till >= 0 and till <= now then return nil end
  local id = sub(member, 9)
  if known[id] or call('EXISTS', root .. K_JOB .. id) == 1 then return member end
end

-- Gives a unique key to a job. A scope is 0 (until the job starts), 1 (until it is finished), or 2 + the period in ms.
local function hold(queue, unique, scope, member)
  local till = scope >= 2 and min(now + scope - 2, FAR) or -1
  call('HSET', root .. K_UNIQUE .. queue, unique, member .. pack('<i8', till))
end

-- Releases the unique key of a job, if the job holds it.
local function release_unique(queue, unique, member)
  local held = call('HGET', root .. K_UNIQUE .. queue, unique)
  if held and sub(held, 1, 24) == member then call('HDEL', root .. K_UNIQUE .. queue, unique) end
end

-- Returns whether a transition into a state ends a scope.
local function ends_scope(scope, to)
  if scope >= 2 then return to == DEAD or to == CANCELLED end
  return to >= SUCCEEDED or scope == 0 and to == RUNNING
end

-- Releases a unique key if a transition ends its scope. Returns the end of its period if the job holds it for a period, else 0 or -1.
local function unique_moved(job, unique, scope, to)
  if ends_scope(scope, to) then
    release_unique(job.queue, unique, job.member)
    return 0
  end
  local held = call('HGET', root .. K_UNIQUE .. job.queue, unique)
  if not held or sub(held, 1, 24) ~= job.member then return 0 end
  return (unpacked('<i8', held, 25))
end
