#!lua flags=allow-oom
-- Writes how attempts ended, each only where the token is the job's newest; a repeat of one that was written is done.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame; then for each settlement: id, token, event, what it carries, what comes along (c16 c16 B i8 B) and, where it is
--       small, the result as it stands in the record; and as far as it comes along: the message, a large result, the progress
-- Out:  bells, then a number a settlement, as one string

local head_format = '<c16c16Bi8B'
local answers, latest, at = { '' }, {}, 2
local ids, heads = {}, {}
while ARGV[at] do
  local n, along = #ids + 1, ARGV[at]:byte(42)
  ids[n], heads[n] = ARGV[at]:sub(1, 16), at
  at = at + 1
  if along ~= 0 then
    if band(along, WITH_MESSAGE) ~= 0 then at = at + 1 end
    if band(along, WITH_LARGE_RESULT) ~= 0 then at = at + 1 end
    if band(along, WITH_PROGRESS) ~= 0 then at = at + 1 end
  end
end
local all = read(K_RECORD, ids)
for n = 1, #ids do
  local id = ids[n]
  local record = latest[id] or all[n]
  local answer = LOST
  if record then
    local head = ARGV[heads[n]]
    local _, token, event, with, along, after_head = struct.unpack(head_format, head)
    if record:sub(TOKEN_FROM, TOKEN_TO) == token then
      if record:byte(1) == RUNNING then
        local message, marks, next_arg = nil, 0, heads[n] + 1
        local small, large, progress
        if along ~= 0 then
          if band(along, WITH_MESSAGE) ~= 0 then message, next_arg = ARGV[next_arg], next_arg + 1 end
          if band(along, WITH_RESULT) ~= 0 then small, marks = head:sub(after_head), HAS_RESULT end
          if band(along, WITH_LARGE_RESULT) ~= 0 then
            large, marks, next_arg = ARGV[next_arg], HAS_RESULT + RESULT_BESIDE, next_arg + 1
          end
          if band(along, WITH_ARTIFACT) ~= 0 then marks = marks + HAS_ARTIFACT end
          if band(along, WITH_PROGRESS) ~= 0 then progress, marks = ARGV[next_arg], marks + HAS_PROGRESS end
        end
        local after = move(id, record, event, with, message, marks, false, small)
        if after then
          answer, latest[id] = DONE, after
          if large then
            records[#records + 1] = root .. K_RESULT .. id
            records[#records + 1] = large
          end
          if progress then
            records[#records + 1] = root .. K_PROGRESS .. id
            records[#records + 1] = progress
          end
        end
      elseif band(record:byte(2), SETTLED) ~= 0 then
        answer = DONE
      end
    end
  end
  answers[n + 1] = string.char(answer)
end
answers[1] = string.char(finish())
return table.concat(answers)
