-- Wakes workers that wait for jobs. A waiting worker is in the set of its queue and its group of kinds, by the time of its last claim. A
-- member is the process and the worker. A process that is notified and has no free slot notifies another process.

-- Notes the kinds of a group.
local function note_group(queue, group, kinds)
  for _, kind in ipairs(kinds) do
    local groups = root .. K_GROUPS .. queue .. ':' .. kind
    call('ZADD', groups, text(ms), group)
    call('ZREMRANGEBYSCORE', groups, '-inf', text(ms - GROUP_KEPT))
    call('EXPIRE', groups, 2 * GROUP_KEPT / 1000)
  end
  -- Workers without a recent claim are gone.
  call('ZREMRANGEBYSCORE', root .. K_WAITING .. queue .. ':' .. group, '-inf', text(ms - WAITING_KEPT))
end

-- Notes that a worker waits. It uses the real clock, which tests do not shift.
local function wait(queue, group, worker)
  local waiting = root .. K_WAITING .. queue .. ':' .. group
  call('ZADD', waiting, text(ms), asker .. worker)
  call('EXPIRE', waiting, GROUP_KEPT / 1000)
end

-- Notifies a process of a job. Returns whether the process received it.
local function tell(process, queue, kind)
  local listeners = call('PUBLISH', channels .. CHANNEL_WORK .. process, char(#queue) .. queue .. kind)
  return listeners > 0 or counts_listeners == 0
end

-- Wakes a worker for each of n jobs. The workers whose last claim is oldest are woken first.
local function wake(queue, kind, n)
  for _, group in ipairs(call('ZREVRANGE', root .. K_GROUPS .. queue .. ':' .. kind, '0', '99')) do
    local waiting = root .. K_WAITING .. queue .. ':' .. group
    while n > 0 do
      local member, looked = unpack(call('ZPOPMIN', waiting))
      if not member then break end
      if tonumber(looked) > ms - WAITING_KEPT and tell(sub(member, 1, 16), queue, kind) then n = n - 1 end
    end
    if n <= 0 then return end
  end
end

-- Writes the gathered changes, and notifies workers and watchers.
local function finish()
  flush()
  for queue, kinds in pairs(work) do
    for kind, n in pairs(kinds) do
      if n > 0 then wake(queue, kind, n) end
    end
  end
  -- If there are too many changed jobs, the message is empty.
  if news[1] then call('PUBLISH', channels .. CHANNEL_NEWS, news[CHUNK] and '' or concat(news)) end
end

-- In:  ARGV 1 frame  2 queue  3 kind  4 how many jobs
-- Out: nothing
local function notify(args)
  read_frame(args[1])
  wake(args[2], args[3], tonumber(args[4]))
end
