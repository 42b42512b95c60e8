#!lua flags=allow-oom
-- Writes how attempts ended, each only where the token is the job's newest; a repeat of one that was written is done.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 how many settlements and shapes there are (I4 each)
--       3 which shape each settlement has (I4 each), or nothing where all have the first
--       4… the shapes; for each settlement what the record is called; for each its token, and where it is small, the result as it stands
--       in the record; then as far as it comes along: the message, a large result, the progress
--       A shape is: event, what it carries, what comes along, the class of the failure (B i8 B B)
-- Out:  a number for each settlement, as one string

local n, shape_count = struct.unpack('<I4I4', ARGV[2])
local shape_of, shapes = ARGV[3], {}
local keys_at = 3 + shape_count
local tokens_at = keys_at + n
local along_at = tokens_at + n

-- Works out once what is the same for all settlements of a shape.
local function worked_out(text)
  local event, with, along, class = struct.unpack('<Bi8BB', text)
  local has = function(flag) return band(along, flag) ~= 0 end
  local marks = has(WITH_RESULT) and HAS_RESULT or has(WITH_LARGE_RESULT) and HAS_RESULT + RESULT_BESIDE or 0
  if has(WITH_MESSAGE) then marks = marks + HAS_FAILURES end
  if has(WITH_ARTIFACT) then marks = marks + HAS_ARTIFACT end
  if has(WITH_PROGRESS) then marks = marks + HAS_PROGRESS end
  return {
    plan = plan_of(event, with, marks), small = has(WITH_RESULT), message = has(WITH_MESSAGE), large = has(WITH_LARGE_RESULT),
    progress = has(WITH_PROGRESS), class = class,
  }
end

local function next_along(comes)
  if not comes then return nil end
  along_at = along_at + 1
  return ARGV[along_at]
end

local answers, settled = {}, {}
local lost, done = char(LOST), char(DONE)
local keys = {}
for at = 1, n do keys[at] = ARGV[keys_at + at] end
for at, record in ipairs(read(keys)) do
  local key, token, answer = keys[at], ARGV[tokens_at + at], lost
  local number = shape_of == '' and 1 or struct.unpack('<I4', shape_of, 4 * at - 3)
  local shape = shapes[number] or worked_out(ARGV[3 + number])
  shapes[number] = shape
  local message, large, progress = next_along(shape.message), next_along(shape.large), next_along(shape.progress)
  if settled[key] then record = read_anew(key) end -- it comes twice
  if record and sub(record, TOKEN_FROM, TOKEN_TO) == sub(token, 1, 16) then
    local id, turn = sub(key, -16), turn_for(shape.plan, record)
    -- A token that is still in a record that is not running was settled, or the job is none of that worker's any more.
    if turn and turn.state == RUNNING and move(turn, id, key, record, nil, nil, shape.small and sub(token, 17)) then
      answer, settled[key] = done, true
      if message then note_failure(id, record, shape.class, message) end
      if large then
        records[#records + 1] = root .. K_RESULT .. id
        records[#records + 1] = large
      end
      if progress then
        records[#records + 1] = root .. K_PROGRESS .. id
        records[#records + 1] = progress
      end
    elseif byte(record, STATE_AT) ~= RUNNING and band(byte(record, FLAGS_FROM), SETTLED) ~= 0 then
      answer = done
    end
  end
  answers[at] = answer
end
finish()
return concat(answers)
