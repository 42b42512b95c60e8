-- Goes through the priorities in use in a set of ready jobs, a seek each: calls with each, and who has waited longest in it.
local function each_rank(set, visit)
  local from = 0
  while true do
    local first = redis.call('ZRANGEBYSCORE', set, text(from), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not first[1] then return end
    local score = tonumber(first[2])
    local rank = math.floor(score / RANK)
    visit(rank, score - rank * RANK)
    from = (rank + 1) * RANK
  end
end
