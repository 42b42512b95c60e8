#!lua flags=allow-oom
-- Writes how attempts ended, each only where the token is the job's newest; a repeat of one that was written is done.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame; then for each settlement: id, token, event, what it carries, what comes along (c16 c16 B i8 B); and as far as
--       it comes along: the message, the result, the progress
-- Out:  bells, then a number a settlement, as one string

local head_format = '<c16c16Bi8B'
local answers, latest, at = { '' }, {}, 2
local ids, heads = {}, {}
while ARGV[at] do
  local id, _, _, _, along = struct.unpack(head_format, ARGV[at])
  ids[#ids + 1], heads[#heads + 1] = id, at
  at = at + 1
  if bit.band(along, WITH_MESSAGE) ~= 0 then at = at + 1 end
  if bit.band(along, WITH_RESULT) ~= 0 then at = at + 1 end
  if bit.band(along, WITH_PROGRESS) ~= 0 then at = at + 1 end
end
for n, record in ipairs(read(K_RECORD, ids)) do
  local id, token, event, with, along = struct.unpack(head_format, ARGV[heads[n]])
  record = latest[id] or record
  local answer = LOST
  if record and record:sub(TOKEN_FROM, TOKEN_TO) == token then
    if record:byte(1) == RUNNING then
      local message, marks, next_arg = nil, 0, heads[n] + 1
      if bit.band(along, WITH_MESSAGE) ~= 0 then message, next_arg = ARGV[next_arg], next_arg + 1 end
      local result, progress
      if bit.band(along, WITH_RESULT) ~= 0 then result, next_arg = ARGV[next_arg], next_arg + 1 end
      if bit.band(along, WITH_PROGRESS) ~= 0 then progress = ARGV[next_arg] end
      if result then marks = HAS_RESULT end
      if bit.band(along, WITH_ARTIFACT) ~= 0 then marks = marks + HAS_ARTIFACT end
      if progress then marks = marks + HAS_PROGRESS end
      local after = move(id, record, event, with, message, marks)
      if after then
        answer, latest[id] = DONE, after
        if result then
          records[#records + 1] = root .. K_RESULT .. id
          records[#records + 1] = result
        end
        if progress then
          records[#records + 1] = root .. K_PROGRESS .. id
          records[#records + 1] = progress
        end
      end
    elseif bit.band(record:byte(2), SETTLED) ~= 0 then
      answer = DONE
    end
  end
  answers[n + 1] = string.char(answer)
end
answers[1] = string.char(finish())
return table.concat(answers)
