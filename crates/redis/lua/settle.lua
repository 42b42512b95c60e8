#!lua flags=allow-oom
-- Writes how attempts ended, each only where the token is the job's newest; a repeat of one that was written is done.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 how many settlements, shapes and runs there are (I4 each)
--       3 which shape each settlement has (I4 each), or nothing where all have the first
--       4 the runs: of jobs with successive tokens of one claim that all succeeded, and nothing else is known of them: how many, and
--       the first one's token (B c16 each)  5 the ids of their jobs, one after the other
--       6… the shapes; for each settlement what the record is called; for each its token, and where it is small, the result as it stands
--       in the record; then as far as it comes along: the message, a large result, the progress
--       A shape is: event, what it carries, what comes along (B i8 B)
-- Out:  bells, then a number for each job of a run and for each settlement, as one string

local n, shape_count, run_count = struct.unpack('<I4I4I4', ARGV[2])
local shape_of, shapes = ARGV[3], {}
local keys_at = 5 + shape_count
local tokens_at = keys_at + n
local along_at = tokens_at + n

-- Works out once what is the same for all settlements of a shape.
local function worked_out(text)
  local event, with, along = struct.unpack('<Bi8B', text)
  local has = function(flag) return band(along, flag) ~= 0 end
  local marks = has(WITH_RESULT) and HAS_RESULT or has(WITH_LARGE_RESULT) and HAS_RESULT + RESULT_BESIDE or 0
  if has(WITH_MESSAGE) then marks = marks + HAS_FAILURES end
  if has(WITH_ARTIFACT) then marks = marks + HAS_ARTIFACT end
  if has(WITH_PROGRESS) then marks = marks + HAS_PROGRESS end
  return {
    plan = plan_of(event, with, marks), small = has(WITH_RESULT), message = has(WITH_MESSAGE), large = has(WITH_LARGE_RESULT),
    progress = has(WITH_PROGRESS),
  }
end

local function next_along(comes)
  if not comes then return nil end
  along_at = along_at + 1
  return ARGV[along_at]
end

local answers = { '' }
local lost, done = char(LOST), char(DONE)

-- What is to be settled by its own record: what that is called, the token with what stands behind it, the shape, and where the answer
-- goes.
local keys, tokens, its_shapes, slots = {}, {}, {}, {}
local function settle_alone(key, token, shape)
  local count = #keys + 1
  keys[count], tokens[count], its_shapes[count] = key, token, shape
  answers[#answers + 1] = lost
  slots[count] = #answers
end

-- Settles the first of some jobs, and those after it that are in its bundle: they stay bundled, and begin otherwise, as `move` would
-- have it. By the bundle they went one after the other to the worker that has these tokens, so that the claim's grant says which jobs
-- they are, and none of their records is read but the first. Returns how many these are; too few are not worth it, and leave their
-- bundle.
local bare, given = { plan = plan_of(SUCCEED, 0) }, {}
local function settle_bundled(ids, token)
  local record = read_one('GET', prefix .. sub(ids, 1, 16))
  if not record or byte(record, 1) ~= BUNDLED then return 0 end
  local its, stretch_at, after, place = place_of(record)
  local beginning = its and shifted(its[stretch_at].beginning, after)
  if not beginning or sub(beginning, TOKEN_FROM, TOKEN_TO) ~= token then return 0 end
  local turn = turn_for(bare.plan, beginning, BEGINNING)
  local queue = turn and turn.plain and turn.granted and turn.to == SUCCEEDED and queue_in(record, BUNDLED_QUEUE_FROM)
  if not queue then return 0 end
  local size = math.min(#ids / 16, its[stretch_at].size - after)
  if band(bit.bnot(its.still), bit.lshift(2 ^ size - 1, place)) ~= 0 then
    -- Some have left.
    local most = size
    size = 0
    while size < most and band(its.still, bit.lshift(1, place + size)) ~= 0 do size = size + 1 end
  end
  if size < fewest then return 0 end
  local grant, first = sub(token, 1, 7), byte(token, 8)
  if given[grant] == nil then given[grant] = read_one('HGET', root .. K_GRANTS .. queue.name, grant) or '' end
  local members = sub(given[grant], first * MEMBER + 1, (first + size) * MEMBER)
  if members:gsub(ORDER_AND_ID, '%1') ~= sub(ids, 1, size * 16) then return 0 end
  local together = list(queue.succeeded, text(turn.keep))
  together[#together + 1] = members
  let_go(queue, beginning, size)
  queue[RUNNING], queue[SUCCEEDED], rings_news = queue[RUNNING] - size, queue[SUCCEEDED] + size, true
  cut(its, stretch_at, after, size, turn.beginning .. sub(beginning, #turn.beginning + 1))
  return size
end

local runs, ids = ARGV[4], ARGV[5]
local id_at = 1
for run_at = 0, run_count - 1 do
  local left, token = struct.unpack('<Bc16', runs, run_at * 17 + 1)
  local grant, number, bits = sub(token, 1, 7), byte(token, 8), sub(token, 9)
  while left > 0 do
    local size = settle_bundled(sub(ids, id_at, id_at + left * 16 - 1), grant .. char(number) .. bits)
    if size > 0 then
      answers[#answers + 1] = done:rep(size)
    else
      size = 1
      settle_alone(prefix .. sub(ids, id_at, id_at + 15), grant .. char(number) .. bits, bare)
    end
    left, number, id_at = left - size, number + size, id_at + size * 16
  end
end

for at = 1, n do
  local number = shape_of == '' and 1 or struct.unpack('<I4', shape_of, 4 * at - 3)
  local shape = shapes[number] or worked_out(ARGV[5 + number])
  shapes[number] = shape
  settle_alone(ARGV[keys_at + at], ARGV[tokens_at + at], shape)
end

local settled = {}
for at, record in ipairs(read(keys, 1, #keys)) do
  local key, token, shape = keys[at], tokens[at], its_shapes[at]
  local message, large, progress = next_along(shape.message), next_along(shape.large), next_along(shape.progress)
  -- One that comes twice was written meanwhile.
  if settled[key] then record = read_anew(key) else record = unfold(key, record) end
  if record and sub(record, TOKEN_FROM, TOKEN_TO) == sub(token, 1, 16) then
    local id, turn = sub(key, -16), turn_for(shape.plan, record)
    -- A token that is still in a record that is not running was settled, or the job is none of that worker's any more.
    if turn and turn.state == RUNNING and move(turn, id, key, record, message, shape.small and sub(token, 17)) then
      answers[slots[at]], settled[key] = done, true
      if large then
        records[#records + 1] = root .. K_RESULT .. id
        records[#records + 1] = large
      end
      if progress then
        records[#records + 1] = root .. K_PROGRESS .. id
        records[#records + 1] = progress
      end
    elseif byte(record, 1) ~= RUNNING and band(byte(record, 2), SETTLED) ~= 0 then
      answers[slots[at]] = done
    end
  end
end
answers[1] = char(finish())
return concat(answers)
