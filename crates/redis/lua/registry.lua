-- The whole store's data: the queues and the workers. A cluster has several copies of it; see `copies.rs`.

-- In:  ARGV 1 frame  2… queues that a process uses
-- Out: nothing
local function note_queues(args)
  read_frame(args[1])
  for at = 2, #args do
    call('ZADD', root .. K_QUEUES, '0', args[at])
    call('ZADD', root .. K_QUEUES_USED, text(now), args[at])
  end
end

-- In:  ARGV 1 the queue to start after, or an empty string  2 how many
-- Out: queues in the order of their names
local function list_queues(args)
  return call('ZRANGEBYLEX', root .. K_QUEUES, args[1] == '' and '-' or '(' .. args[1], '+', 'LIMIT', '0', args[2])
end

-- Returns whether a queue has been unused for a day. Processes note the queues that they use every minute.
local function is_unused(queue)
  return tonumber(call('ZSCORE', root .. K_QUEUES_USED, queue) or 0) <= expiry_now - QUEUE_KEPT
end

-- In:  ARGV 1 frame  2… queues
-- Out: those that have been unused for a day
local function unused_queues(args)
  read_frame(args[1])
  local unused = {}
  for at = 2, #args do
    if is_unused(args[at]) then unused[#unused + 1] = args[at] end
  end
  return unused
end

-- Removes the names of queues that have been unused for a day.
-- In:  ARGV 1 frame  2… empty queues
-- Out: nothing
local function drop_queues(args)
  read_frame(args[1])
  for at = 2, #args do
    if is_unused(args[at]) then
      call('ZREM', root .. K_QUEUES, args[at])
      call('ZREM', root .. K_QUEUES_USED, args[at])
    end
  end
end

-- Elects the process that does upkeep for the whole store. A process that may not rescue is elected until one that may rescue asks.
-- In:  ARGV 1 frame  2 the length of the election (ms; 0: no election, the calling process does upkeep)
--           3 whether the process may rescue (0 or 1)  4 how many queues
-- Out: nothing if another process is elected; else queues in the order of names, after the last queue of the previous call
local function begin_upkeep(args)
  read_frame(args[1])
  if args[2] ~= '0' then
    local elected = call('GET', root .. K_UPKEEP)
    local is_other = elected and sub(elected, 1, 16) ~= asker
    if is_other and (args[3] == '0' or sub(elected, 17) == '1') then return false end
    call('SET', root .. K_UPKEEP, asker .. args[3], 'PX', args[2])
  end
  local queues, last = root .. K_QUEUES, call('GET', root .. K_UPKEEP_AT)
  local found = last and call('ZRANGEBYLEX', queues, '(' .. last, '+', 'LIMIT', '0', args[4]) or {}
  local left = tonumber(args[4]) - #found
  if left > 0 then
    -- Continue with the first names, up to the queue where this call started.
    local end_at = last and '[' .. last or '+'
    for _, queue in ipairs(call('ZRANGEBYLEX', queues, '-', end_at, 'LIMIT', '0', text(left))) do found[#found + 1] = queue end
  end
  if found[1] then call('SET', root .. K_UPKEEP_AT, found[#found]) end
  return found
end

-- Marks a worker as released before its jobs are released, so that it cannot claim from a queue that is added meanwhile.
-- In:  ARGV 1 frame  2 worker
-- Out: nothing
local function mark_released(args)
  read_frame(args[1])
  local released = root .. K_RELEASED
  call('ZREMRANGEBYSCORE', released, '-inf', text(now - WORKER_KEPT))
  call('ZADD', released, text(now), args[2])
end

-- In:  ARGV 1 worker
-- Out: 1 if it is marked as released, else 0
local function is_released(args)
  return call('ZSCORE', root .. K_RELEASED, args[1]) and 1 or 0
end

-- Notes in the registry that a worker is alive and what it does.
-- In:  ARGV 1 frame  2 worker  3 the note of the worker
-- Out: nothing
local function note_worker(args)
  read_frame(args[1])
  local registry, worker = root .. K_REGISTRY, args[2]
  local earlier = call('HGET', registry, worker)
  local since = earlier and unpacked('<i8', earlier) or now
  call('HSET', registry, worker, pack('<i8i8', since, now) .. args[3])
  call('ZADD', root .. K_REGISTRY_IDS, '0', worker)
  call('ZADD', root .. K_REGISTRY_SEEN, text(now), worker)
end

-- Removes workers from the registry: one that has ended, or some whose last note is too old.
-- In:  ARGV 1 frame  2 the worker that has ended, or an empty string  3 in the second case the maximum number
-- Out: how many were removed
local function drop_workers(args)
  read_frame(args[1])
  local workers = { args[2] }
  if args[2] == '' then
    workers = call('ZRANGEBYSCORE', root .. K_REGISTRY_SEEN, '-inf', text(expiry_now - WORKER_NOTE_KEPT), 'LIMIT', '0', args[3])
  end
  if not workers[1] then return 0 end
  call('HDEL', root .. K_REGISTRY, unpack(workers))
  call('ZREM', root .. K_REGISTRY_IDS, unpack(workers))
  call('ZREM', root .. K_REGISTRY_SEEN, unpack(workers))
  return #workers
end

-- Lists workers of the registry in the order of their ids.
-- In:  ARGV 1 the worker to start after, or an empty string  2 how many
-- Out: for each its id, and a string with the times of its first and last note (i8 each) and the note
local function list_workers(args)
  local from = args[1] == '' and '-' or '(' .. args[1]
  local workers, listed = call('ZRANGEBYLEX', root .. K_REGISTRY_IDS, from, '+', 'LIMIT', '0', args[2]), {}
  if not workers[1] then return workers end
  for at, note in ipairs(call('HMGET', root .. K_REGISTRY, unpack(workers))) do
    listed[2 * at - 1], listed[2 * at] = workers[at], note or ''
  end
  return listed
end

-- Reads the clock of the server that has the slot.
-- In:  nothing
-- Out: its time in µs
local function clock()
  read_clock(0, 0)
  return pack('<i8', us)
end

-- In:  ARGV 1 the version of the layout to write if there is none; or an empty string
-- Out: the version of the layout
local function layout_of(args)
  if args[1] ~= '' then call('SET', root .. K_LAYOUT, args[1], 'NX') end
  return call('GET', root .. K_LAYOUT)
end
