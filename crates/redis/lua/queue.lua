#!lua flags=no-writes
-- Reads what is counted of a queue, and finds the job that has been ready longest by a seek for each kind and priority.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue
-- Out:  1 now, how long the oldest ready job has waited (-1: none)  2… the counters by state  8 the version of the rules and their text, where there are any

local meta = root .. K_QUEUE .. ARGV[2]
local kept = redis.call('HMGET', meta, 'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'rules_version', 'rules')
local oldest
if tonumber(kept[2] or 0) > 0 then
  for _, kind in ipairs(redis.call('SMEMBERS', root .. K_KINDS .. ARGV[2])) do
    for _, set in ipairs({ K_READY, K_ALONE }) do
      each_rank(root .. set .. ARGV[2] .. ':' .. kind, function(_, run_at)
        if not oldest or run_at < oldest then oldest = run_at end
      end)
    end
  end
end
table.insert(kept, 1, struct.pack('<i8i8', now, oldest and math.max(now - oldest, 0) or -1))
return kept
