-- What every function begins with: where its keys lie, and what the server's clock says.
--
-- Words in capitals are constants, replaced when the library is put together: names of keys (`K_…`, keys.rs) and numbers that Rust
-- knows as well (shared.rs). The variables of this file belong to the call that runs; the server runs one at a time.

local sub, byte, char, concat, format, pack, unpacked, band, floor, min, max, call
-- How whole numbers are formatted: `%d` costs a fifth of `%.0f`, but is too narrow where the server has 32 bits.
local whole

-- Gives functions of Lua and of the server short names, which a library may not do while it is loaded.
local function prepare()
  sub, byte, char, concat, format = string.sub, string.byte, string.char, table.concat, string.format
  pack, unpacked, band, floor, min, max = struct.pack, struct.unpack, bit.band, math.floor, math.min, math.max
  call = redis.call
  whole = format('%d', 2 ^ 40) == '1099511627776' and '%d' or '%.0f'
end

-- What all keys of the slot begin with; the time in µs and ms; the time that schedules and leases go by, which tests move.
local root, us, ms, now, lease_now
local keep_finished, keep_dead, asker, counts_listeners, channels

local function read_clock(wall_shift, lease_shift)
  local time = call('TIME')
  us = time[1] * 1000000 + time[2]
  ms = floor(us / 1000)
  now, lease_now = ms + wall_shift, ms + lease_shift
end

-- In: the frame, the first argument of every function that needs the clock: how far tests moved the wall clock and the lease clock,
--     how long to keep finished and dead jobs (ms, i8 each), the process that asks (16 bytes), whether PUBLISH counts all
--     listeners of a channel (B), what names of channels begin with
local function read_frame(frame)
  local wall_shift, lease_shift
  wall_shift, lease_shift, keep_finished, keep_dead, asker, counts_listeners = unpacked('<i8i8i8i8c16B', frame)
  channels = sub(frame, 50)
  read_clock(wall_shift, lease_shift)
end

local last_number, last_text
-- Writes a whole number as text, which a command takes faster than a number; batches repeat the same one.
local function text(number)
  if number ~= last_number then last_number, last_text = number, format(whole, number) end
  return last_text
end

-- Calls a command with many values, a bounded number at a time: Lua's stack holds no more.
local function in_chunks(command, key, values)
  for from = 1, #values, CHUNK do
    local to = min(from + CHUNK - 1, #values)
    if key then call(command, key, unpack(values, from, to)) else call(command, unpack(values, from, to)) end
  end
end

-- Reads the strings with these keys, false where there is none.
local function read_all(keys)
  if #keys <= CHUNK then return keys[1] and call('MGET', unpack(keys)) or keys end
  local all = {}
  for from = 1, #keys, CHUNK do
    local values = call('MGET', unpack(keys, from, min(from + CHUNK - 1, #keys)))
    for at = 1, #values do all[from + at - 1] = values[at] end
  end
  return all
end
