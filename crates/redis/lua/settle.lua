#!lua flags=allow-oom
-- Writes how attempts ended, each only where the token is the job's newest; a repeat of one that was written is done.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 how many settlements and shapes there are (I4 each)
--       3 which shape each settlement has (I4 each), or nothing where all have the first
--       4… the shapes; for each settlement what the record is called; for each its token, and where it is small, the result as it stands
--       in the record; then as far as it comes along: the message, a large result, the progress
--       A shape is: event, what it carries, what comes along (B i8 B)
-- Out:  bells, then a number a settlement, as one string

local n, shape_count = struct.unpack('<I4I4', ARGV[2])
local shape_of, shapes = ARGV[3], {}
local keys_at = 3 + shape_count
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
    progress = has(WITH_PROGRESS), bare = along == 0,
  }
end

local function number_of(at)
  return shape_of == '' and 1 or struct.unpack('<I4', shape_of, 4 * at - 3)
end

local function next_along(comes)
  if not comes then return nil end
  along_at = along_at + 1
  return ARGV[along_at]
end

local answers, settled, at = { '' }, {}, 1
local all = read(ARGV, keys_at + 1, keys_at + n)
local lost, done = char(LOST), char(DONE)

-- Settles a bundled job that stands at a place of the list, and those after it that go the same way: they stay bundled, and begin
-- otherwise, as `move` would have it. Returns how many these are; too few are not worth it, and leave their bundle.
local function settle_bundled(shape, number, from)
  local its, stretch_at, after = place_of(all[from])
  local beginning = its and shifted(its[stretch_at].beginning, after)
  local turn = its and turn_for(shape.plan, beginning, BEGINNING)
  local queue = turn and turn.plain and turn.granted and turn.to == SUCCEEDED and queue_in(all[from], BUNDLED_QUEUE_FROM)
  if not queue then return 0 end
  local opening, place = sub(all[from], 1, BUNDLED_TO - 1), byte(all[from], BUNDLED_TO)
  local grant, last, bits = sub(beginning, TOKEN_FROM, GRANT_TO), byte(beginning, TOKEN_LAST), sub(beginning, TOKEN_LAST + 1, TOKEN_TO)
  local most, size = math.min(its[stretch_at].size - after, n - from + 1), 0
  while size < most do
    local key, token, record = ARGV[keys_at + from + size], ARGV[tokens_at + from + size], all[from + size]
    if not record or settled[key] or number_of(from + size) ~= number or #token ~= 16 or find(token, grant, 1, true) ~= 1
      or byte(token, 8) ~= last + size or find(token, bits, 9, true) ~= 9 or find(record, opening, 1, true) ~= 1
      or byte(record, BUNDLED_TO) ~= place + size
      or find(record, queue.opening, BUNDLED_QUEUE_FROM, true) ~= BUNDLED_QUEUE_FROM then break end
    size = size + 1
  end
  if size < fewest then return 0 end
  local together = list(queue.succeeded, text(turn.keep))
  local members = #together
  for k = 0, size - 1 do
    local key = ARGV[keys_at + from + k]
    settled[key] = true
    together[members + k + 1] = sub(all[from + k], BUNDLED_ORDER_FROM, BUNDLED_ORDER_TO) .. sub(key, -16)
  end
  let_go(queue, beginning, size)
  queue[RUNNING], queue[SUCCEEDED], rings_news = queue[RUNNING] - size, queue[SUCCEEDED] + size, true
  cut(its, stretch_at, after, size, turn.beginning .. sub(beginning, #turn.beginning + 1))
  return size
end

while at <= n do
  local key, token, record = ARGV[keys_at + at], ARGV[tokens_at + at], all[at]
  local number = number_of(at)
  local shape = shapes[number]
  if not shape then
    shape = worked_out(ARGV[3 + number])
    shapes[number] = shape
  end
  local bundled = shape.bare and record and byte(record, 1) == BUNDLED and settle_bundled(shape, number, at) or 0
  if bundled > 0 then
    answers[#answers + 1], at = done:rep(bundled), at + bundled
  else
    local message, large, progress = next_along(shape.message), next_along(shape.large), next_along(shape.progress)
    -- One that comes twice was written meanwhile.
    if settled[key] then record = read_anew(key) else record = unfold(key, record) end
    local answer = lost
    if record and sub(record, TOKEN_FROM, TOKEN_TO) == sub(token, 1, 16) then
      local id, turn = sub(key, -16), turn_for(shape.plan, record)
      -- A token that is still in a record that is not running was settled, or the job is none of that worker's any more.
      if turn and turn.state == RUNNING and move(turn, id, key, record, message, shape.small and sub(token, 17)) then
        answer, settled[key] = done, true
        if large then
          records[#records + 1] = root .. K_RESULT .. id
          records[#records + 1] = large
        end
        if progress then
          records[#records + 1] = root .. K_PROGRESS .. id
          records[#records + 1] = progress
        end
      elseif byte(record, 1) ~= RUNNING and band(byte(record, 2), SETTLED) ~= 0 then
        answer = done
      end
    end
    answers[#answers + 1], at = answer, at + 1
  end
end
answers[1] = char(finish())
return concat(answers)
