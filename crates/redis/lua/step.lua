-- Where an event takes a job: the moves of `longshore_core::state::step`, to which a test holds this function case by case.

-- Returns the same facts in another state.
local function in_state(facts, state)
  return { state = state, attempt = facts.attempt, crashes = facts.crashes, interruptions = facts.interruptions,
    outages = facts.outages, asked = facts.asked }
end

-- Gives back the attempt that a run has cost.
local function unburned(facts)
  facts.attempt = math.max(facts.attempt - 1, 0)
  return facts
end

local function interrupted(facts)
  facts.interruptions = facts.interruptions + 1
  return unburned(facts)
end

-- In:  the facts (state, attempt, crashes, interruptions, outages, and `asked`: 1 where a cancel is asked), the event, and what it
--      carries: a delay in ms, or the number of a reason
-- Out: the facts afterwards, how long it waits (ms; nil keeps its time), the number of the reason why it is dead; nothing where
--      the event changes nothing
local function step(facts, event, with)
  local state = facts.state
  if state == RUNNING then
    if event == SUCCEED then return in_state(facts, SUCCEEDED) end
    if event == GIVE_UP or event == BURY then return in_state(facts, DEAD), nil, with end
    if event == CALL_OFF then return in_state(facts, CANCELLED) end
    if event == CANCEL then
      local next = in_state(facts, RUNNING)
      next.asked = 1
      return next
    end
    if event < RETRY or event > CRASH then return nil end
    if facts.asked == 1 then return in_state(facts, CANCELLED) end
    if event == RELEASE or event == INTERRUPT then return interrupted(in_state(facts, READY)) end
    if event == CRASH then
      local crashes = facts.crashes + 1
      local next = unburned(in_state(facts, crashes >= CRASHES and DEAD or crashes == 1 and READY or SCHEDULED))
      next.crashes = crashes
      return next, next.state == SCHEDULED and CRASH_BACKOFF or nil, next.state == DEAD and CRASHED or nil
    end
    local next = in_state(facts, with > 0 and SCHEDULED or READY)
    if event == OUTAGE then
      next.outages = math.min(facts.outages + 1, 65535)
      return unburned(next), with
    end
    next.outages = 0
    if event == SNOOZE then interrupted(next) end
    return next, with
  end
  if state == READY and event == CLAIM then
    local next = in_state(facts, RUNNING)
    next.attempt = facts.attempt + 1
    return next
  end
  if state == SCHEDULED and event == DUE then return in_state(facts, READY) end
  if state == SCHEDULED and event == RETRY_BY_HAND then return in_state(facts, READY), 0 end
  if state == SCHEDULED or state == READY then
    if event == CANCEL then return in_state(facts, CANCELLED) end
    if event == BURY then return in_state(facts, DEAD), nil, with end
    return nil
  end
  if event == RETRY_BY_HAND and (state == DEAD or state == CANCELLED) then
    local next = in_state(facts, READY)
    next.attempt, next.crashes, next.outages, next.asked = 0, 0, 0, 0
    return next, 0
  end
end
