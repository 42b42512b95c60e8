-- What a worker held is lost to it.

-- Moves up to `most` of the jobs that a worker holds by some entries, members and grants, as planned: they are lost to it. Looks at
-- a bounded number of jobs. `crash` is the failure to note with each, or nothing. Returns the jobs that it moved, described; how
-- many it looked at; and whether it came to the end of the entries.
local function lose(queue, worker, entries, plan, crash, most)
  local held, grants = root .. K_HELD .. queue .. ':' .. worker, root .. K_GRANTS .. queue
  local members, grant_of, ends = {}, {}, {}
  for _, entry in ipairs(entries) do
    if #members >= ROWS then break end
    if #entry == MEMBER then
      members[#members + 1] = entry
    else
      local from = #members + 1
      members_in(redis.call('HGET', grants, entry) or '', members)
      for at = from, #members do grant_of[at] = entry end
    end
    ends[#ends + 1] = #members
  end
  local all, ids, keys = look_up(members)
  local lost, at = {}, 0
  while at < #members and #lost < most do
    at = at + 1
    local record, grant = all[at], grant_of[at]
    local its = record and byte(record, STATE_AT) == RUNNING and sub(record, WORKER_FROM, WORKER_TO) == worker
    if its and grant then
      -- Most of a grant may have been settled since, or have leases of their own.
      its = band(struct.unpack('<H', record, FLAGS_FROM), GRANTED) ~= 0 and sub(record, TOKEN_FROM, GRANT_TO) == grant
    end
    local facts = its and move(turn_for(plan, record), ids[at], keys[at], record)
    if facts then
      if crash then note_failure(ids[at], record, CRASH_CLASS, crash) end
      lost[#lost + 1] = told(ids[at], facts, record)
    elseif not grant then
      drop(held, queue, RUNNING, members[at], record)
    elseif record and not sound(record) then
      -- A grant also names jobs that are settled, and perhaps deleted by now: those without a record are left alone.
      give_up(queue, RUNNING, members[at], record)
    end
  end
  flush()
  local done = 0
  while done < #ends and ends[done + 1] <= at do
    done = done + 1
    local grant = entries[done]
    if #grant ~= MEMBER then
      redis.call('HDEL', grants, grant, 'n' .. grant)
      redis.call('ZREM', held, grant)
    end
  end
  flush()
  return lost, #members, done == #entries
end
