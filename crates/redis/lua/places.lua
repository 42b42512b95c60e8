-- The places of a job: the sets that it belongs to, as its record says. A push adds it (`label` and `enter_waiting`), and each transition
-- keeps them up to date (`enter`, `leave`, `labels_moved`).

-- Returns the places of a job. Each has the first part of the name of the set (`set`), what follows the queue in the name (`rest`, or an
-- empty string), the job's score (`score`; nil: any), the score to give if the job is not there (`new`), and what that means (`missing`).
local function places_of(job)
  local places, state, labels = {}, job.state, job.labels
  local function add(set, rest, score, new, missing)
    places[#places + 1] = { set = set, rest = rest, score = score, new = score or new, missing = missing }
  end
  if state == SCHEDULED then
    add(K_SCHEDULED, '', job.run_at, nil, 'does not wait for its time')
  elseif state == READY then
    local score = tonumber(ready_score(job.rank, job.run_at))
    add(job.crashes >= 2 and K_ISOLATED or K_READY, job.kind, score, nil, 'does not wait for a worker in its place')
  elseif state == RUNNING then
    -- A worker that is alive renews the lease; after a dead one upkeep rescues the job.
    add(K_RUNNING, '', nil, lease_now + LEASE_ANEW, 'has no lease')
    add(K_HELD, job.worker, nil, nil, 'its worker does not hold it')
  else
    local keep = now + (state == DEAD and keep_dead or keep_finished)
    if labels.reuse and state == SUCCEEDED then keep = max(keep, job.finished + labels.within) end
    if labels.unique and labels.scope >= 2 and state == SUCCEEDED then keep = max(keep, job.created + labels.scope - 2) end
    add(K_FINAL, '', nil, min(keep, FAR), 'would be kept for ever')
    if state == DEAD then add(K_DEAD, '', nil, 0, 'is not among the dead') end
    if state == CANCELLED then add(K_CANCELLED, '', nil, 0, 'is not among the cancelled') end
  end
  if has(job, HAS_DEADLINE) and state < RUNNING then add(K_DEADLINE, '', job.deadline, nil, 'its deadline is not watched') end
  if labels.alias then add(K_ALIAS, labels.alias, nil, 0, 'is not found by its alias') end
  for _, tag in ipairs(labels.tags) do add(K_TAG, tag, nil, 0, 'is not found by one of its tags') end
  if labels.reuse and state == SUCCEEDED then add(K_REUSE, labels.reuse, nil, job.finished, 'its result is not found by its reuse key') end
  return places
end

-- Returns the key of a place.
local function key_of(job, place)
  return root .. place.set .. job.queue .. (place.rest ~= '' and ':' .. place.rest or '')
end

-- Returns whether a job belongs to the sets whose names begin with `set`, and have `rest` after the queue.
local function belongs(job, set, rest)
  for _, place in ipairs(places_of(job)) do
    if place.set == set and place.rest == rest then return true end
  end
  return false
end
