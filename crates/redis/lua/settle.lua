#!lua flags=allow-oom
-- Writes how attempts ended, each only where the token is the job's newest; a repeat of one that was written is done.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame; then for each settlement: id, token, its shape, and where it is small, the result as it stands in the record; and
--       as far as it comes along: the message, a large result, the progress. A shape is: event, what it carries, what comes along
--       (B i8 B)
-- Out:  bells, then a number a settlement, as one string

local answers, settled, at = { '' }, {}, 2
local ids, heads, shapes, shape_of = {}, {}, {}, {}

-- Works out once what is the same for all settlements of a shape.
local function worked_out(text)
  local event, with, along = struct.unpack('<Bi8B', text)
  local has = function(flag) return band(along, flag) ~= 0 end
  local marks = has(WITH_RESULT) and HAS_RESULT or has(WITH_LARGE_RESULT) and HAS_RESULT + RESULT_BESIDE or 0
  if has(WITH_MESSAGE) then marks = marks + HAS_FAILURES end
  if has(WITH_ARTIFACT) then marks = marks + HAS_ARTIFACT end
  if has(WITH_PROGRESS) then marks = marks + HAS_PROGRESS end
  local shape = { plan = plan_of(event, with, marks), small = has(WITH_RESULT), more = 0 }
  for _, what in ipairs({ 'message', 'large', 'progress' }) do
    local flag = what == 'message' and WITH_MESSAGE or what == 'large' and WITH_LARGE_RESULT or WITH_PROGRESS
    if has(flag) then
      shape.more = shape.more + 1
      shape[what] = shape.more
    end
  end
  return shape
end

while ARGV[at] do
  local head, n = ARGV[at], #ids + 1
  local text = sub(head, 33, 42)
  local shape = shapes[text]
  if not shape then
    shape = worked_out(text)
    shapes[text] = shape
  end
  ids[n], heads[n], shape_of[n] = sub(head, 1, 16), at, shape
  at = at + 1 + shape.more
end
local keys = keys_of(ids)
local all = read(keys)
local lost, done = char(LOST), char(DONE)
for n = 1, #ids do
  local id, shape, head = ids[n], shape_of[n], ARGV[heads[n]]
  local record = all[n]
  if settled[id] then record = read_anew(keys[n]) end -- it comes twice
  local answer = lost
  if record and sub(record, TOKEN_FROM, TOKEN_TO) == sub(head, 17, 32) then
    local message, small = shape.message and ARGV[heads[n] + shape.message], shape.small and sub(head, 43)
    local turn = turn_for(shape.plan, record)
    -- A token that is still in a record that is not running was settled, or the job is none of that worker's any more.
    if turn and turn.state == RUNNING and move(turn, id, keys[n], record, message, small) then
      answer, settled[id] = done, true
      if shape.large then
        records[#records + 1] = root .. K_RESULT .. id
        records[#records + 1] = ARGV[heads[n] + shape.large]
      end
      if shape.progress then
        records[#records + 1] = root .. K_PROGRESS .. id
        records[#records + 1] = ARGV[heads[n] + shape.progress]
      end
    elseif byte(record, 1) ~= RUNNING and band(byte(record, 2), SETTLED) ~= 0 then
      answer = done
    end
  end
  answers[n + 1] = answer
end
answers[1] = char(finish())
return concat(answers)
