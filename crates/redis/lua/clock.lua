#!lua flags=no-writes
-- Reads the clock of the server that has the slot.
-- KEYS  1 what all keys of the slot begin with
-- Out:  its time in µs

local time = redis.call('TIME')
return struct.pack('<i8', time[1] * 1000000 + time[2])
