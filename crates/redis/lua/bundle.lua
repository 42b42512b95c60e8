-- What jobs have in common that were pushed together, and have gone the same way since: their bundle.
--
-- A bundle is which jobs still are what it says (I4, a bit a place from the lowest on), and stretches: how many places (B), and how
-- their records begin (`BEGINNING` bytes), of which the last byte of a token's number is that of the first place. A job's own record
-- says that it is bundled, under which id (c16), at which place (B, from 0), and how its record ends. As soon as something happens to
-- it alone, it gets a whole record.

local bundles = {}

-- Returns the beginning of a stretch as it is some places farther on.
local function shifted(beginning, by)
  -- A job that was never claimed has no token.
  if by == 0 or byte(beginning, 1) == READY then return beginning end
  local last = (byte(beginning, TOKEN_LAST) + by) % 256
  return sub(beginning, 1, GRANT_TO) .. char(last) .. sub(beginning, TOKEN_LAST + 1)
end

-- Returns a bundle; nothing where it is gone, or somebody has put something else there.
local function bundle(id)
  local found = bundles[id]
  if found == nil then
    local text = redis.pcall('GET', root .. K_BUNDLE .. id)
    found = false
    if type(text) == 'string' and #text % STRETCH == 4 then
      found = { still = struct.unpack('<I4', text) }
      for at = 5, #text, STRETCH do
        found[#found + 1] = { size = byte(text, at), beginning = sub(text, at + 1, at + BEGINNING) }
      end
    end
    bundles[id] = found
  end
  return found
end

-- Returns the bundle of a bundled record, which of its stretches the job stands in, how many places come before it there, and its
-- place in the bundle.
local function place_of(record)
  local its = bundle(sub(record, 2, 17))
  local place = byte(record, BUNDLED_TO) or 256
  local after = place
  for at = 1, its and #its or 0 do
    if after < its[at].size then return its, at, after, place end
    after = after - its[at].size
  end
end

-- Returns a record as it is where it is not bundled; of one that is, its bundle and its place there, too. One whose bundle is gone
-- makes no sense.
local function whole(record)
  if not record or byte(record, 1) ~= BUNDLED or #record <= BUNDLED_TO then return record end
  local its, at, after, place = place_of(record)
  if not its then return record end
  return shifted(its[at].beginning, after) .. sub(record, BUNDLED_TO + 1), its, place
end
