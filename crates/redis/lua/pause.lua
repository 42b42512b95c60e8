#!lua flags=allow-oom
-- Stops handing out jobs of a queue; replaces an earlier pause.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 until when: how it is given (NEVER: until it is resumed), ms (B i8)  4 why and by whom, as kept
-- Out:  since when, until when (-1: until it is resumed)

local how, number = struct.unpack('<Bi8', ARGV[3])
local till = -1
if how ~= NEVER then till = math.min(how == IN and now + number or number, FAR) end
redis.call('HSET', root .. K_QUEUE .. ARGV[2], 'paused', struct.pack('<i8i8', now, till) .. ARGV[4])
return struct.pack('<i8i8', now, till)
