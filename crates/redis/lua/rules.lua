-- The rules of a queue.

-- Replaces the rules if they have the expected version.
-- In:  ARGV 1 frame  2 queue  3 the expected version  4 the new version  5 the text of the rules  6 their level
--           7 the end of a pause in ms; 0: not paused, FAR: no end
-- Out: if another change was first: the version and the text of the current rules; else an empty list
local function change_rules(args)
  read_frame(args[1])
  local meta = root .. K_QUEUE .. args[2]
  local version, rules = unpack(call('HMGET', meta, 'rules_version', 'rules'))
  if (version or '0') ~= args[3] then return { version or '0', rules or '{}' } end
  call('HSET', meta, 'rules_version', args[4], 'rules', args[5], 'rules_level', args[6], 'paused_until', args[7])
  tell_all(TELLS_ALL_WORK)
  return {}
end
