-- Logs of jobs. Each job has one hash, with a log for each claim by the number of the claim.

-- Replaces the log of a job's newest claim, if the token is the job's newest. Deletes the logs of earlier claims that have no stored
-- failure.
-- In:  ARGV 1 id  2 token  3 the number of the claim, which is the field of the log  4 the log
-- Out: 1 if it was written, else 0
local function write_log(args)
  begin_writes()
  local id, claim, logs = args[1], args[3], root .. K_LOG .. args[1]
  local job = read_jobs({ id })[1]
  if not job or job.corrupt or job.state ~= RUNNING or job.token ~= args[2] then return 0 end
  local claims = call('HKEYS', logs)
  if #claims > 1 or claims[1] and claims[1] ~= claim then
    local kept = { [claim] = true }
    for _, failure in ipairs(call('LRANGE', root .. K_FAILURES .. id, 0, -1)) do
      local _, _, _, _, failed_claim = unpacked(FAILURE, failure)
      kept[text(unpacked('>I8', failed_claim))] = true
    end
    for _, other in ipairs(claims) do
      if not kept[other] then call('HDEL', logs, other) end
    end
  end
  call('HSET', logs, claim, args[4])
  if not has(job, HAS_LOG) then
    mark(job, HAS_LOG)
    call('SET', job.key, write(job))
  end
  return 1
end

-- In:  ARGV 1 id  2 the number of a claim, or an empty string for the newest claim that has a log
-- Out: nothing if the job is not found; else the log, which is empty if there is none
local function log(args)
  local id, claim = args[1], args[2]
  if call('EXISTS', root .. K_JOB .. id) == 0 then return false end
  local logs = root .. K_LOG .. id
  if claim == '' then
    for _, other in ipairs(call('HKEYS', logs)) do
      if claim == '' or tonumber(other) > tonumber(claim) then claim = other end
    end
  end
  return call('HGET', logs, claim) or ''
end
