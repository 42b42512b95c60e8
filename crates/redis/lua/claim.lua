-- Hands out ready jobs of one queue to a worker: repeats the answer to an earlier call, or promotes, picks and starts jobs.

-- The format of a worker's newest claim, in the hash of the queue: whether the worker was released, the nonce, when the worker was last
-- noted as present, the number of the first token, how many jobs were handed out, whether the one job must run isolated.
local EARLIER = '<Bc8i8I8I4B'

-- Returns the answer for a job: its record, followed by the payload if that is not part of the record.
local function answer_of(job, record)
  return has(job, PAYLOAD_BESIDE) and record .. (call('GET', root .. K_PAYLOAD .. job.id) or '') or record
end

-- Repeats the answer to the claim with these tokens, for the jobs that the worker still holds. Their leases start again, because the
-- first answer may have been lost long ago.
local function repeat_claim(ask, first, handed, isolated)
  local held = {}
  for _, job in ipairs(read_members(call('SMEMBERS', ask.held))) do
    if job and not job.corrupt and job.state == RUNNING and job.worker == ask.worker then
      job.number = unpacked('>I8', job.token)
      if job.number >= first and job.number < first + handed then held[#held + 1] = job end
    end
  end
  table.sort(held, function(one, other) return one.number < other.number end)
  local jobs, ids = {}, {}
  for at, job in ipairs(held) do
    zadd(ask.running, ask.lease_end, job.member)
    jobs[at], ids[at] = answer_of(job, write(job)), job.id
  end
  finish()
  return { pack('<Bi8BI4BBi8i8', REPEATED, -1, 0, handed, isolated, NOTHING, -1, now), concat(ids), jobs, {} }
end

-- Makes scheduled jobs that are due ready. Returns the time until the next job is due (nil: there is none), and the members of the jobs
-- that are ready now. Corrupt jobs are dead, and described in `buried`.
local function promote(queue, buried)
  local scheduled, promoted = root .. K_SCHEDULED .. queue, {}
  local head, due = unpack(call('ZRANGE', scheduled, '0', '0', 'WITHSCORES'))
  if head and tonumber(due) <= now then
    local members = call('ZRANGEBYSCORE', scheduled, '-inf', text(now), 'LIMIT', '0', ROWS)
    for at, job in ipairs(read_members(members)) do
      if job and not job.corrupt and transition(job, DUE) then
        save(job)
      else
        buried[#buried + 1] = remove_stray(queue, scheduled, members[at], job)
      end
      promoted[members[at]] = true
    end
    flush()
    head, due = unpack(call('ZRANGE', scheduled, '0', '0', 'WITHSCORES'))
  end
  return head and max(tonumber(due) - now, 0), promoted
end

-- Returns which of some sorted lists has the best member. A list contains members and scores; `places` has the position in each list.
local function best_of(lists, places)
  local best, score, order
  for at = 1, #lists do
    local list, place = lists[at], places[at]
    if list[place] then
      local list_score = tonumber(list[place + 1])
      local comes_first = not best or list_score < score
      if best and list_score == score then
        order = order or unpacked('>I8', lists[best][places[best]])
        comes_first = unpacked('>I8', list[place]) < order
      end
      if comes_first then best, score, order = at, list_score, nil end
    end
  end
  return best
end

-- Finds up to n of the best ready jobs, but of each kind only as many as are wanted. They are all jobs that must run isolated, or all
-- others. It merges the first members of each kind's set, and does not remove them. Returns the members, the kind of each, and whether
-- there may be more.
local function pick(ask, isolated, n)
  local lists, kinds_of, places, full, more = {}, {}, {}, {}, false
  local stretch = min(n, max(8, floor(2 * n / #ask.kinds)))
  for _, kind in ipairs(ask.kinds) do
    local many = min(stretch, kind.wanted)
    if many > 0 then
      local read = call('ZRANGE', ready_set(ask.queue, kind.name, isolated and 2 or 0), '0', text(many - 1), 'WITHSCORES')
      local at = #lists + 1
      lists[at], kinds_of[at], places[at] = read, kind, 1
      -- After the end of this stretch there may be better jobs than those of other kinds.
      full[at] = #read == 2 * many and many < kind.wanted
      more = more or #read == 2 * many
    end
  end
  local members, kinds = {}, {}
  for at = 1, n do
    local best = best_of(lists, places)
    if not best then return members, kinds, more end
    members[at], kinds[at] = lists[best][places[best]], kinds_of[best]
    places[best] = places[best] + 2
    if full[best] and not lists[best][places[best]] then break end
  end
  return members, kinds, true
end

-- Returns the limit that is granted, like `longshore_core::KindLimits`.
local function granted(asked, most, default)
  if asked == 0 or most == 0 then return asked + most > 0 and asked + most or default end
  return min(asked, most)
end

-- Returns the limits for a run of a job. It caches them, because most jobs of a kind ask for the same limits.
local function limits_of(job, kind)
  local known = kind.granted[job.asked_limits]
  if not known then
    local attempts, timeout = unpacked('<HI4', job.asked_limits)
    known = pack('<HI4', granted(attempts, kind.max_attempts, DEFAULT_ATTEMPTS), granted(timeout, kind.max_timeout, DEFAULT_TIMEOUT))
    kind.granted[job.asked_limits] = known
  end
  return known
end

-- Starts a ready job for the worker. A job that is not ready is in the set by mistake, and is left alone.
local function start(ask, given, job, kind)
  if not transition(job, CLAIM, nil, true) then return end
  if has(job, HAS_PROGRESS) then delete(root .. K_PROGRESS .. job.id) end
  unmark(job, SETTLED + HAS_PROGRESS)
  job.limits, job.started, job.worker = limits_of(job, kind), now, ask.worker
  job.token = pack('>I8', given.next) .. ask.bits
  zadd(ask.running, ask.lease_end, job.member)
  sadd(ask.held, job.member)
  -- A job that this call made ready needs no notification, because this worker runs it.
  if given.promoted[job.member] then woke(ask.queue, job.kind, -1) end
  local answer, n = answer_of(job, save(job)), #given.jobs + 1
  given.jobs[n], given.ids[n] = answer, job.id
  given.next, given.bytes, kind.wanted = given.next + 1, given.bytes + #answer, kind.wanted - 1
end

-- Hands out up to n of the best jobs. A job that missed its deadline or has a corrupt record is buried instead.
-- Returns how many jobs it processed, and whether there may be more. It sets `given.stopped` if it stopped at a bound.
local function hand_out(ask, given, isolated, n)
  local members, kinds, more = pick(ask, isolated, n)
  local done, taken = 0, {}
  for at, job in ipairs(read_members(members)) do
    local set = ready_set(ask.queue, kinds[at].name, isolated and 2 or 0)
    local is_late = job and not job.corrupt and has(job, HAS_DEADLINE) and job.deadline <= expiry_now
    if given.bytes > CLAIM_BYTES or is_late and #given.buried >= ask.bury_most then
      given.stopped = true
      break
    end
    if not job or job.corrupt then
      given.buried[#given.buried + 1] = remove_stray(ask.queue, set, members[at], job)
    elseif is_late then
      given.buried[#given.buried + 1] = bury(job, EXPIRED, true)
    else
      start(ask, given, job, kinds[at])
    end
    done, taken[set] = at, (taken[set] or 0) + 1
  end
  for set, count in pairs(taken) do call('ZREMRANGEBYRANK', set, '0', text(count - 1)) end
  given.looked = given.looked + done
  return done, more
end

-- Returns whether a ready job must run isolated.
local function isolated_waits(ask)
  local sets = {}
  for at, kind in ipairs(ask.kinds) do sets[at] = ready_set(ask.queue, kind.name, 2) end
  for from = 1, #sets, CHUNK do
    if call('EXISTS', unpack(sets, from, min(from + CHUNK - 1, #sets))) > 0 then return true end
  end
  return false
end

-- Hands out a job that must run isolated, if one is ready and the worker runs nothing. Else it hands out as many other jobs as are
-- wanted. While a job that must run isolated is ready, an idle worker gets no other jobs, even if it wants no jobs of that kind.
local function hand_out_best(ask, given)
  if given.isolated_waits and ask.is_idle then
    while #given.jobs == 0 and ask.limit > 0 and given.looked < ROWS and not given.stopped do
      if hand_out(ask, given, true, 1) == 0 then break end
    end
    given.stopped = given.stopped or given.looked >= ROWS
    given.isolated = #given.jobs
    if given.isolated == 1 or given.stopped or isolated_waits(ask) then return end
  end
  local _, more = nil, true
  while more and #given.jobs < ask.limit and not given.stopped do
    _, more = hand_out(ask, given, false, ask.limit - #given.jobs)
    given.stopped = given.stopped or more and given.looked >= ROWS + ask.limit
  end
end

-- Reads the arguments of `claim`.
local function read_ask(args)
  local ask = { queue = args[2], worker = args[3], nonce = args[4], bits = args[5], group = args[7], kinds = {} }
  local is_idle, several, notes
  ask.limit, ask.lease, is_idle, several, notes, ask.level, ask.bury_most = unpacked('<I4i8BBBHI4', args[6])
  ask.is_idle, ask.several, ask.notes = is_idle == 1, several == 1, notes == 1
  ask.lease_end = text(min(lease_now + ask.lease, FAR))
  ask.running, ask.held = root .. K_RUNNING .. ask.queue, root .. K_HELD .. ask.queue .. ':' .. ask.worker
  for at = 8, #args do
    local kind = { name = sub(args[at], 11), granted = {} }
    kind.wanted, kind.max_attempts, kind.max_timeout = unpacked('<I4HI4', args[at])
    ask.kinds[at - 7] = kind
  end
  return ask
end

-- Notes that the queue has a worker. Once a minute it also notes the kinds that the worker knows, and the kinds that it wants.
local function note_presence(ask, fields, since, seen)
  if now - seen >= NOTE_EVERY or now < seen then
    local n = #fields
    fields[n + 1], fields[n + 2] = 'since', text(now - seen > PRESENCE_GAP and now or since)
    fields[n + 3], fields[n + 4] = 'seen', text(now)
  end
  if ask.notes then
    local known, wanted = {}, {}
    for at, kind in ipairs(ask.kinds) do
      known[2 * at - 1], known[2 * at] = text(now), kind.name
      if kind.wanted > 0 then wanted[#wanted + 1] = kind.name end
    end
    in_chunks('ZADD', root .. K_KINDS_SEEN .. ask.queue, known)
    note_group(ask.queue, ask.group, wanted)
  end
end

-- In:  ARGV 1 frame  2 queue  3 worker  4 nonce (8 bytes)  5 random bits of the tokens (8 bytes)
--           6 how many jobs are wanted (I4), lease in ms (i8), whether the worker runs nothing, whether the claim asks other queues too,
--             whether to note the kinds (B each), the newest level of rules that the worker knows (H), how many jobs may be buried (I4)
--           7 the group of the kinds that are wanted
--           8… the kinds: how many jobs are wanted (I4), limits (attempts, time-out in ms: H I4; 0 for none), name
-- Out: 1 whether the claim is NEW_CLAIM, REPEATED or RELEASED; ms until the next claim (-1: wait for a notification); whether a ready job
--        must run isolated; how many jobs the first call handed out; whether a job was handed out that must run isolated; what holds
--        the queue back; ms until that ends by itself (-1: it does not); now
--      2 the ids of the jobs, concatenated  3 for each job its record, followed by its payload if that is large
--      4 the jobs that were buried, described
local function claim(args)
  read_frame(args[1])
  begin_writes()
  local ask = read_ask(args)
  local meta, claimed_by = root .. K_QUEUE .. ask.queue, 'claim:' .. ask.worker
  local known = call('HMGET', meta, claimed_by, 'since', 'seen', 'token', 'rules_level', 'paused_until')

  local noted = 0
  if known[1] then
    local released, nonce, worker_noted, first, handed, isolated = unpacked(EARLIER, known[1])
    if released == 1 then return { pack('<Bi8BI4BBi8i8', RELEASED, -1, 0, 0, 0, NOTHING, -1, now), '', {}, {} } end
    if nonce == ask.nonce then return repeat_claim(ask, first, handed, isolated) end
    noted = worker_noted
  end

  local fields = {}
  note_presence(ask, fields, tonumber(known[2] or 0), tonumber(known[3] or 0))
  local buried = {}
  local look_in, promoted = promote(ask.queue, buried)
  local most, why, till = admit(tonumber(known[5] or 0), ask.level, tonumber(known[6] or 0), now)
  local asked, held_for = ask.limit, till and till - now
  ask.limit = min(ask.limit, most)

  local first = max(tonumber(known[4] or 0) + 1, us)
  local given = { next = first, bytes = 0, looked = 0, jobs = {}, ids = {}, buried = buried, isolated = 0, promoted = promoted }
  given.isolated_waits = most > 0 and isolated_waits(ask)
  if most > 0 then hand_out_best(ask, given) end
  local handed = #given.jobs
  if held_for then look_in = min(look_in or held_for, held_for) end
  -- The call stopped at a bound before it found enough jobs, so the worker should claim again at once.
  if given.stopped and given.isolated == 0 and handed < ask.limit then look_in = 0 end

  if handed > 0 then fields[#fields + 1], fields[#fields + 2] = 'token', text(given.next - 1) end
  if handed > 0 or ask.several then
    if now - noted >= NOTE_EVERY or now < noted then
      zadd(root .. K_WORKERS_SEEN .. ask.queue, text(now), ask.worker)
      noted = now
    end
    local n = #fields
    fields[n + 1], fields[n + 2] = claimed_by, pack(EARLIER, 0, ask.nonce, noted, first, handed, given.isolated)
  end
  if fields[1] then call('HSET', meta, unpack(fields)) end
  if handed < asked and given.isolated == 0 and why == NOTHING then wait(ask.queue, ask.group, ask.worker) end
  finish()
  local head = pack('<Bi8BI4BBi8i8', NEW_CLAIM, look_in or -1, given.isolated_waits and 1 or 0, handed, given.isolated, why, held_for or -1,
    now)
  return { head, concat(given.ids), given.jobs, given.buried }
end
