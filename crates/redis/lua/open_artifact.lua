#!lua flags=no-writes
-- Says how an artifact is to be read.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 its name
-- Out:  nothing where there is none; its size, the length of each chunk but the last, and the id of its upload. An artifact that is one
--       string, as programs wrote it before there were chunks, has no length of chunks and no id.

local key = KEYS[1] .. K_ARTIFACT .. ARGV[1]
local kind = redis.call('TYPE', key).ok
if kind == 'hash' then return redis.call('HMGET', key, 'size', 'chunk', 'id') end
if kind == 'string' then return { redis.call('STRLEN', key) } end
return {}
