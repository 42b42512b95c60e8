-- What all scripts begin with that look at jobs.
-- KEYS  1 what all keys of the slot begin with

local root = KEYS[1]
local sub, byte, char = string.sub, string.byte, string.char
