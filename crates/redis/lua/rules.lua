#!lua flags=allow-oom
-- Replaces the rules of a queue if they still have the version that is expected.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 the version that is expected  4 the version from now on  5 the text of the rules  6 their level
--       7 until when they pause the queue, in ms: 0 not, FAR until that is ended
-- Out:  where another change came first: the version and the text of the rules as they are

local meta = root .. K_QUEUE .. ARGV[2]
local version, rules = unpack(redis.call('HMGET', meta, 'rules_version', 'rules'))
if (version or '0') ~= ARGV[3] then return { version or '0', rules or '{}' } end
redis.call('HSET', meta, 'rules_version', ARGV[4], 'rules', ARGV[5], 'rules_level', ARGV[6], 'paused_until', ARGV[7])
all_work = true
finish()
return {}
