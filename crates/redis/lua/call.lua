-- State of the running call: the prefix of its keys, and the server's clock.
--
-- Words in capitals are constants, which are replaced when the library is assembled: names of keys (`K_…`, keys.rs) and numbers that
-- Rust uses too (shared.rs). The variables of this file belong to the running call; the server runs one call at a time.

local sub, byte, char, concat, format, pack, unpacked, band, floor, min, max, call
-- How whole numbers are formatted: `%d` costs a fifth of `%.0f`, but is too narrow where the server has 32 bits.
local whole

-- Defines short names for functions of Lua and of the server. A library may not read them while it is loaded.
local function prepare()
  sub, byte, char, concat, format = string.sub, string.byte, string.char, table.concat, string.format
  pack, unpacked, band, floor, min, max = struct.pack, struct.unpack, bit.band, math.floor, math.min, math.max
  call = redis.call
  whole = format('%d', 2 ^ 40) == '1099511627776' and '%d' or '%.0f'
end

-- The prefix of the call's keys; the server's time in µs and ms; the times for schedules and for leases, which tests shift; the time up to
-- which deadlines and retention have surely ended, which is earlier than `now` after the clock was set ahead.
local root, us, ms, now, lease_now, expiry_now
local keep_finished, keep_dead, asker, counts_listeners, channels

local function read_clock(wall_shift, lease_shift)
  local time = call('TIME')
  us = time[1] * 1000000 + time[2]
  ms = floor(us / 1000)
  now, lease_now = ms + wall_shift, ms + lease_shift
end

-- In: the frame, the first argument of every function that needs the clock: the shifts of the wall clock and the lease clock by tests,
--     the latest time that the clock can have unless it was set ahead (see `ExpiryClock` in core/src/expiry.rs), how long
--     to keep finished and dead jobs (ms, i8 each), the calling process (16 bytes), whether PUBLISH counts all subscribers of a channel
--     (B), the prefix of the names of channels
local function read_frame(frame)
  local wall_shift, lease_shift, latest
  wall_shift, lease_shift, latest, keep_finished, keep_dead, asker, counts_listeners = unpacked('<i8i8i8i8i8c16B', frame)
  channels = sub(frame, 58)
  read_clock(wall_shift, lease_shift)
  expiry_now = min(now, latest)
end

local last_number, last_text
-- Writes a whole number as text, because commands are faster with texts than with numbers. A batch often repeats the last number.
local function text(number)
  if number ~= last_number then last_number, last_text = number, format(whole, number) end
  return last_text
end

-- Calls a command with many values, a bounded number at a time, because Lua's stack is limited.
local function in_chunks(command, key, values)
  for from = 1, #values, CHUNK do
    local to = min(from + CHUNK - 1, #values)
    if key then call(command, key, unpack(values, from, to)) else call(command, unpack(values, from, to)) end
  end
end

-- Reads the strings with these keys; false for a missing key.
local function read_all(keys)
  if #keys <= CHUNK then return keys[1] and call('MGET', unpack(keys)) or keys end
  local all = {}
  for from = 1, #keys, CHUNK do
    local values = call('MGET', unpack(keys, from, min(from + CHUNK - 1, #keys)))
    for at = 1, #values do all[from + at - 1] = values[at] end
  end
  return all
end
