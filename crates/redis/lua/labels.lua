-- What a job is found by beside its id: unique key, reuse key, alias, tags. They stand in the body of its record.

-- Reads them: unique key, its scope, reuse key, its period, alias, tags.
local function labels_in(flags, body, at)
  local unique, scope, reuse, within, alias, tags = nil, nil, nil, nil, '', {}
  if band(flags, HAS_UNIQUE) ~= 0 then unique, scope, at = unpacked('<Bc0i8', body, at) end
  if band(flags, HAS_REUSE) ~= 0 then reuse, within, at = unpacked('<Bc0i8', body, at) end
  if band(flags, HAS_LABELS) ~= 0 then
    local key, n
    key, alias, n, at = unpacked('<Bc0Bc0B', body, at)
    for place = 1, n do tags[place], at = unpacked('<Bc0', body, at) end
  end
  return unique, scope, reuse, within, alias, tags
end

-- Returns the member that holds a unique key now; `known` are jobs of this call, whose records are not written yet.
local function holder(queue, unique, known)
  local held = call('HGET', root .. K_UNIQUE .. queue, unique)
  if not held then return nil end
  local member, till = unpacked('<c24i8', held)
  if till >= 0 and till <= now then return nil end
  local id = sub(member, 9)
  if known[id] or call('EXISTS', root .. K_JOB .. id) == 1 then return member end
end

-- Lets a job hold a unique key. A scope is 0 until the job starts, 1 until it is finished, else 2 and the period in ms.
local function hold(queue, unique, scope, member)
  local till = scope >= 2 and min(now + scope - 2, FAR) or -1
  call('HSET', root .. K_UNIQUE .. queue, unique, member .. pack('<i8', till))
end

-- Takes the unique key from a job if it holds it.
local function let_go(queue, unique, member)
  local held = call('HGET', root .. K_UNIQUE .. queue, unique)
  if held and sub(held, 1, 24) == member then call('HDEL', root .. K_UNIQUE .. queue, unique) end
end

-- Returns whether a move into a state ends a scope.
local function ends_scope(scope, to)
  if scope >= 2 then return to == DEAD or to == CANCELLED end
  return to >= SUCCEEDED or scope == 0 and to == RUNNING
end

-- Gives a unique key back where a move ends its scope; returns until when it is held by its period, 0 where it is not.
local function unique_moved(job, unique, scope, to)
  if ends_scope(scope, to) then
    let_go(job.queue, unique, job.member)
    return 0
  end
  local held = call('HGET', root .. K_UNIQUE .. job.queue, unique)
  if not held or sub(held, 1, 24) ~= job.member then return 0 end
  return (unpacked('<i8', held, 25))
end
