#!lua flags=allow-oom
-- Hands out jobs of a queue again.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue
-- Out:  bells, whether it was paused

local meta = root .. K_QUEUE .. ARGV[2]
local paused, held = redis.call('HGET', meta, 'paused'), 0
if paused then
  local _, till = struct.unpack('<i8i8', paused)
  if till < 0 or till > now then held = 1 end
  redis.call('HDEL', meta, 'paused')
end
rings_work = true
return struct.pack('<BB', finish(), held)
