#!lua flags=allow-oom
-- Deletes an artifact; one that is not there is fine.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 its name
-- Out:  nothing

redis.call('UNLINK', KEYS[1] .. K_ARTIFACT .. ARGV[1])
redis.call('ZREM', KEYS[1] .. K_ARTIFACTS, ARGV[1])
redis.call('HDEL', KEYS[1] .. K_ARTIFACTS_AT, ARGV[1])
