#!lua flags=allow-oom
-- Deletes an artifact, and what uploads of it left behind; one that is not there is fine.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 its name, or that of one upload alone
-- Out:  nothing

local names = redis.call('ZRANGEBYLEX', KEYS[1] .. K_ARTIFACTS, '(' .. ARGV[1], '[' .. ARGV[1] .. string.rep('\255', 9), 'LIMIT', 0, 500)
names[#names + 1] = ARGV[1]
for _, name in ipairs(names) do
  redis.call('UNLINK', KEYS[1] .. K_ARTIFACT .. name)
  redis.call('ZREM', KEYS[1] .. K_ARTIFACTS, name)
  redis.call('HDEL', KEYS[1] .. K_ARTIFACTS_AT, name)
end
