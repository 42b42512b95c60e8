-- Where an event takes a job: the moves of `longshore_core::state::step`, to which a test holds this function case by case.
-- In:  the facts, the event, and what it carries: a delay in ms, or the number of a reason
-- Out: state, attempt, crashes, interruptions, whether a cancel is asked, how long it waits (ms; nil keeps its time), the
--      number of the reason why it is dead; nothing where the event changes nothing

local function step(state, attempt, most, crashes, interruptions, asked, event, with)
  if state == RUNNING then
    if event == SUCCEED then return SUCCEEDED, attempt, crashes, interruptions, asked, nil, 0 end
    if event == GIVE_UP or event == BURY then return DEAD, attempt, crashes, interruptions, asked, nil, with end
    if event == CALL_OFF then return CANCELLED, attempt, crashes, interruptions, asked, nil, 0 end
    if event == CANCEL then return RUNNING, attempt, crashes, interruptions, 1, nil, 0 end
    if event < RETRY or event > CRASH then return nil end
    if asked == 1 then return CANCELLED, attempt, crashes, interruptions, asked, nil, 0 end
    if event == RETRY then
      if attempt >= most then return DEAD, attempt, crashes, interruptions, asked, nil, EXHAUSTED end
      return with > 0 and SCHEDULED or READY, attempt, crashes, interruptions, asked, with, 0
    end
    local unburned = math.max(attempt - 1, 0)
    if event == SNOOZE then
      return with > 0 and SCHEDULED or READY, unburned, crashes, interruptions + 1, asked, with, 0
    end
    if event == CRASH then
      if crashes + 1 >= CRASHES then return DEAD, unburned, crashes + 1, interruptions, asked, nil, CRASHED end
      if crashes == 0 then return READY, unburned, 1, interruptions, asked, nil, 0 end
      return SCHEDULED, unburned, crashes + 1, interruptions, asked, CRASH_BACKOFF, 0
    end
    return READY, unburned, crashes, interruptions + 1, asked, nil, 0
  end
  if state == READY and event == CLAIM then return RUNNING, attempt + 1, crashes, interruptions, asked, nil, 0 end
  if state == SCHEDULED and event == DUE then return READY, attempt, crashes, interruptions, asked, nil, 0 end
  if state == SCHEDULED or state == READY then
    if event == CANCEL then return CANCELLED, attempt, crashes, interruptions, asked, nil, 0 end
    if event == BURY then return DEAD, attempt, crashes, interruptions, asked, nil, with end
    if event == RETRY_BY_HAND and state == SCHEDULED then
      return READY, attempt, crashes, interruptions, asked, 0, 0
    end
    return nil
  end
  if event == RETRY_BY_HAND and (state == DEAD or state == CANCELLED) then
    return READY, 0, 0, interruptions, 0, 0, 0
  end
end
