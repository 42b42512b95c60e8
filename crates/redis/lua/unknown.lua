#!lua flags=allow-oom
-- Makes jobs dead that have waited a day for a worker that knows their kind.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 how many  4… kinds that no worker has known for a day
-- Out:  the jobs that were made dead, described

local queue, limit = ARGV[2], math.min(tonumber(ARGV[3]), ROWS)
local day_ago, buried, looked, plan = now - UNKNOWN_KIND_AFTER, {}, 0, plan_of(BURY, UNKNOWN_KIND)
for at = 4, #ARGV do
  for _, kept in ipairs({ K_READY, K_ALONE }) do
    local set = root .. kept .. queue .. ':' .. ARGV[at]
    each_rank(set, function(rank)
      local from, to = text(rank * RANK), '(' .. text(rank * RANK + day_ago)
      while #buried < limit and looked < ROWS do
        local entry, score = unpack(redis.call('ZRANGEBYSCORE', set, from, to, 'WITHSCORES', 'LIMIT', '0', '1'))
        if not entry then break end
        local left = limit - #buried
        local rest = #entry / MEMBER > left and sub(entry, left * MEMBER + 1) or ''
        redis.call('ZREM', set, entry)
        if rest ~= '' then redis.call('ZADD', set, score, rest) end
        local members = members_in(sub(entry, 1, #entry - #rest), {})
        looked = looked + #members
        local all, ids, keys = look_up(members)
        for place, record in ipairs(all) do
          local member = members[place]
          local facts = record and move(turn_for(plan, record), ids[place], keys[place], record, member)
          if facts then
            buried[#buried + 1] = told(ids[place], facts, record)
          else
            give_up(queue, READY, member, record)
          end
        end
      end
    end)
  end
end
for _, job in ipairs(entombed) do buried[#buried + 1] = job end
finish()
return buried
