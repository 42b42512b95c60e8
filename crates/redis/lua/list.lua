#!lua flags=no-writes
-- Reads a stretch of a set of jobs, the newest first.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the set, without what all keys begin with  2 the order (8 bytes) before which to begin, or nothing  3 how many, or 0
--       for the whole set where it is not sorted by order  4 whether to read records, too (0 or 1)
-- Out:  a member each; with records, each followed by its record, or nothing where that is gone

local root = KEYS[1]
local set, many = root .. ARGV[1], tonumber(ARGV[3])
local members
if many == 0 then
  members = redis.call('ZRANGE', set, 0, -1)
else
  local from = ARGV[2] == '' and '+' or '(' .. ARGV[2]
  members = redis.call('ZREVRANGEBYLEX', set, from, '-', 'LIMIT', 0, many)
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
