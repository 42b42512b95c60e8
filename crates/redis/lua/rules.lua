-- Rules of a queue.

-- Replaces the rules if they still have the version that is expected.
-- In:  ARGV 1 frame  2 queue  3 the version that is expected  4 the version from now on  5 the text of the rules  6 their level
--           7 until when they pause the queue, in ms: 0 not, FAR until that is ended
-- Out: where another change came first: the version and the text of the rules as they are
local function change_rules(args)
  read_frame(args[1])
  local meta = root .. K_QUEUE .. args[2]
  local version, rules = unpack(call('HMGET', meta, 'rules_version', 'rules'))
  if (version or '0') ~= args[3] then return { version or '0', rules or '{}' } end
  call('HSET', meta, 'rules_version', args[4], 'rules', args[5], 'rules_level', args[6], 'paused_until', args[7])
  tell_all(TELLS_ALL_WORK)
  return {}
end
