#!lua flags=allow-oom
-- Makes jobs dead that have waited a day for a worker that knows their kind.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 how many  4… kinds that no worker has known for a day
-- Out:  bells, how many were made dead

local queue, limit = ARGV[2], math.min(tonumber(ARGV[3]), ROWS)
local day_ago, found, plan = now - UNKNOWN_KIND_AFTER, 0, plan_of(BURY, UNKNOWN_KIND)
for at = 4, #ARGV do
  for _, kept in ipairs({ K_READY, K_ALONE }) do
    local set = root .. kept .. queue .. ':' .. ARGV[at]
    each_rank(set, function(rank)
      if found >= limit then return end
      local from, to = text(rank * RANK), '(' .. text(rank * RANK + day_ago)
      local members = redis.call('ZRANGEBYSCORE', set, from, to, 'LIMIT', 0, limit - found)
      local all, ids, keys = look_up(members)
      for place, record in ipairs(all) do
        if record and move(plan, ids[place], keys[place], record) then
          found = found + 1
        else
          drop(set, queue, ARGV[at], READY, members[place], record)
        end
      end
    end)
  end
end
return struct.pack('<BI4', finish(), found)
