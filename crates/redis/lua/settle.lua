-- Settles jobs, each only if the token is the job's newest. A repeat of a settlement is answered DONE.

-- Writes the further arguments of a settlement, from `at` on, into the job. Returns the message of the failure, if there is one.
local function take_parts(job, along, args, at)
  local message
  if band(along, WITH_MESSAGE) ~= 0 then message, at = args[at], at + 1 end
  if band(along, WITH_RESULT + WITH_LARGE_RESULT) ~= 0 then
    mark(job, HAS_RESULT)
    if band(along, WITH_ARTIFACT) ~= 0 then mark(job, HAS_ARTIFACT) end
    if band(along, WITH_LARGE_RESULT) ~= 0 then
      mark(job, RESULT_BESIDE)
      put(root .. K_RESULT .. job.id, args[at])
    else
      job.result = args[at]
    end
    at = at + 1
  end
  if band(along, WITH_PROGRESS) ~= 0 then
    mark(job, HAS_PROGRESS)
    put(root .. K_PROGRESS .. job.id, args[at])
  end
  return message
end

-- In:  ARGV 1 frame; then for each settlement
--           the job's id, the token, the event, its value, bits for further arguments, the class of the failure (c16 c16 B i8 B B)
--           the further arguments: the message; the result, in the form for the record if it is small; the progress
-- Out: a number for each settlement, as one string
local function settle(args)
  read_frame(args[1])
  begin_writes()
  local heads, ids, answers, at = {}, {}, {}, 2
  while args[at] do
    ids[#ids + 1], heads[#heads + 1] = sub(args[at], 1, 16), at
    local along = byte(args[at], 42)
    at = at + 1 + band(along, WITH_MESSAGE) / WITH_MESSAGE + band(along, WITH_PROGRESS) / WITH_PROGRESS
    if band(along, WITH_RESULT + WITH_LARGE_RESULT) ~= 0 then at = at + 1 end
  end
  local jobs = read_jobs(ids)
  for place, head in ipairs(heads) do
    local _, token, event, with, along, class = unpacked('<c16c16Bi8BB', args[head])
    local job, answer = jobs[place], LOST
    if job and not job.corrupt and job.token == token then
      if job.state == RUNNING then
        local message = take_parts(job, along, args, head + 1)
        local worker, started, attempt = job.worker, job.started, job.attempt
        transition(job, event, with)
        if message then keep_failure(job, class, started, attempt, token, worker, message) end
        save(job)
        answer = DONE
      elseif has(job, SETTLED) then
        answer = DONE
      end
    end
    answers[place] = char(answer)
  end
  finish()
  return concat(answers)
end
