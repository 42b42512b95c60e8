-- The words of a job that scripts must know: its keys, its alias, its tags.

-- Reads what a record holds after its kind: unique key, its scope, reuse key, its period, key, alias, tags; and where it ends.
local function words_of(flags, record, at)
  local unique, scope, reuse, within, key, alias, tags = nil, nil, nil, nil, '', '', {}
  if band(flags, HAS_UNIQUE) ~= 0 then unique, scope, at = struct.unpack('<Bc0i8', record, at) end
  if band(flags, HAS_REUSE) ~= 0 then reuse, within, at = struct.unpack('<Bc0i8', record, at) end
  if band(flags, HAS_LABELS) ~= 0 then
    local n
    key, alias, n, at = struct.unpack('<Bc0Bc0B', record, at)
    for place = 1, n do tags[place], at = struct.unpack('<Bc0', record, at) end
  end
  return unique, scope, reuse, within, key, alias, tags
end

local function words(flags, record, at)
  local ok, unique, scope, reuse, within, key, alias, tags = pcall(words_of, flags, record, at)
  if not ok then return nil, nil, nil, nil, '', '', {} end -- damaged: then it holds nothing
  return unique, scope, reuse, within, key, alias, tags
end

-- Returns the member that holds a unique key now, and until when.
local function holder(queue, unique)
  local held = redis.call('HGET', root .. K_UNIQUE .. queue, unique)
  if not held then return nil end
  local till = struct.unpack('<i8', held, 25)
  if till >= 0 and till <= now then return nil end
  if redis.call('EXISTS', root .. K_RECORD .. sub(held, 9, 24)) == 0 then return nil end
  return sub(held, 1, 24), till
end

local function hold(queue, unique, scope, member)
  local till = scope >= 2 and math.min(now + scope - 2, FAR) or -1
  redis.call('HSET', root .. K_UNIQUE .. queue, unique, member .. pack('<i8', till))
end
