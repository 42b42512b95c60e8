#!lua
-- Writes a chunk of an upload; nobody reads it before the upload is finished.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 the name of the upload  2 which chunk it is, from 0 on  3 its bytes
-- Out:  1; or 0 where the upload was deleted

if not redis.call('ZSCORE', KEYS[1] .. K_ARTIFACTS, ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1] .. K_ARTIFACT .. ARGV[1], ARGV[2], ARGV[3])
return 1
