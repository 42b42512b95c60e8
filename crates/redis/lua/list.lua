#!lua flags=no-writes
-- Reads a stretch of a set of jobs, the newest first.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the set, without what all keys begin with  2 the order (8 bytes) before which to begin, or nothing  3 how many, or 0
--       for the whole set where it is not sorted by order  4 whether to read records, too (0 or 1)  5 the hash of grants, without
--       what all keys begin with
-- Out:  a member each; with records, each followed by its record, or nothing where that is gone. A number where the whole set is
--       wanted and too large

local set, before, many = root .. ARGV[1], ARGV[2], tonumber(ARGV[3])
local members = {}

-- An entry may be several members, the oldest first.
local function add(entry, last)
  for at = last, 1, -MEMBER do members[#members + 1] = entry:sub(at - MEMBER + 1, at) end
end

if many == 0 then
  local entries, grants, size = redis.call('ZRANGE', set, 0, -1), root .. ARGV[5], 0
  for _, entry in ipairs(entries) do
    size = size + (#entry < MEMBER and redis.call('HSTRLEN', grants, entry) or #entry) / MEMBER
  end
  if size > AT_ONCE then return AT_ONCE end
  for _, entry in ipairs(entries) do
    -- What a grant gave, of which it may not hold all any more.
    if #entry < MEMBER then entry = redis.call('HGET', grants, entry) or '' end
    add(entry, #entry)
  end
else
  local from = before == '' and '+' or '(' .. before
  local asked
  repeat
    asked = math.ceil((many - #members) / 8)
    local entries = redis.call('ZREVRANGEBYLEX', set, from, '-', 'LIMIT', 0, asked)
    for _, entry in ipairs(entries) do
      local last = #entry
      -- Only the first can go beyond the place to begin; Lua compares texts as people of the server's country do.
      while before ~= '' and struct.unpack('>I8', entry, last - MEMBER + 1) >= struct.unpack('>I8', before) do
        last = last - MEMBER
      end
      add(entry, last)
      from = '(' .. entry
    end
  until #entries < asked or #members >= many
  for at = #members, many + 1, -1 do members[at] = nil end
end
if ARGV[4] == '0' then return members end
local rows = {}
for start = 1, #members, CHUNK do
  local keys = {}
  for at = start, math.min(start + CHUNK - 1, #members) do keys[#keys + 1] = root .. K_RECORD .. members[at]:sub(9) end
  for at, record in ipairs(redis.call('MGET', unpack(keys))) do
    rows[#rows + 1] = members[start + at - 1]
    rows[#rows + 1] = record
  end
end
return rows
