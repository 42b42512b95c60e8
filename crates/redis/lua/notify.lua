#!lua flags=allow-oom
-- Tells workers that wait for jobs of a kind.
-- KEYS  1 what all keys of the slot begin with
-- ARGV  1 frame  2 queue  3 kind  4 how many jobs
-- Out:  nothing

wake(ARGV[2], ARGV[3], tonumber(ARGV[4]))
