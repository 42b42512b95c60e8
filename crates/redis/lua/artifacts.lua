-- Large results. Each is a hash of chunks. An index finds artifacts without a job, and uploads that never finished. The name of an upload
-- is the name of its artifact (id and claim, 24 bytes) and 8 bytes of its own.

-- Notes that an upload begins, so that it can be found if it never finishes.
-- In:  ARGV 1 frame  2 the name of the upload
-- Out: nothing
local function begin_artifact(args)
  read_frame(args[1])
  call('ZADD', root .. K_ARTIFACTS, '0', args[2])
  call('HSET', root .. K_ARTIFACTS_AT, args[2], text(now))
end

-- Writes a chunk of an upload. Chunks are not read before the upload is finished.
-- In:  ARGV 1 the name of the upload  2 the number of the chunk, from 0  3 its bytes
-- Out: 1; or 0 if the upload was deleted
local function write_artifact(args)
  if not call('ZSCORE', root .. K_ARTIFACTS, args[1]) then return 0 end
  call('HSET', root .. K_ARTIFACT .. args[1], args[2], args[3])
  return 1
end

-- Makes an upload the artifact of its name. A repeat is harmless.
-- In:  ARGV 1 frame  2 the name of the upload  3 the number of chunks  4 the total size  5 the length of each chunk but the last
-- Out: 1; or 0 if the upload, or a part of it, was deleted
local function finish_artifact(args)
  read_frame(args[1])
  local upload, name, id = args[2], sub(args[2], 1, 24), sub(args[2], 25)
  local from, to = root .. K_ARTIFACT .. upload, root .. K_ARTIFACT .. name
  if not call('ZSCORE', root .. K_ARTIFACTS, upload) then
    return call('TYPE', to).ok == 'hash' and call('HGET', to, 'id') == id and 1 or 0
  end
  if call('HLEN', from) ~= tonumber(args[3]) then return 0 end
  call('HSET', from, 'id', id, 'size', args[4], 'chunk', args[5])
  call('UNLINK', to) -- RENAME would free an old artifact at once, which blocks the server if it is large
  call('RENAME', from, to)
  call('ZREM', root .. K_ARTIFACTS, upload)
  call('HDEL', root .. K_ARTIFACTS_AT, upload)
  call('ZADD', root .. K_ARTIFACTS, '0', name)
  call('HSET', root .. K_ARTIFACTS_AT, name, text(now))
  return 1
end

-- Returns how to read an artifact.
-- In:  ARGV 1 its name
-- Out: an empty list if there is none; else its size, the length of each chunk but the last, and the id of its upload. An artifact that
--      is one string was written by a version without chunks, and has only a size
local function open_artifact(args)
  local key = root .. K_ARTIFACT .. args[1]
  local kind = call('TYPE', key).ok
  if kind == 'hash' then return call('HMGET', key, 'size', 'chunk', 'id') end
  return kind == 'string' and { call('STRLEN', key) } or {}
end

-- Deletes an artifact and its unfinished uploads. A repeat is harmless.
-- In:  ARGV 1 its name, or the name of one upload to delete only that
-- Out: nothing
local function delete_artifact(args)
  local all = root .. K_ARTIFACTS
  local names = call('ZRANGEBYLEX', all, '(' .. args[1], '[' .. args[1] .. string.rep('\255', 9), 'LIMIT', '0', ROWS)
  names[#names + 1] = args[1]
  for _, name in ipairs(names) do
    call('UNLINK', root .. K_ARTIFACT .. name)
    call('ZREM', all, name)
    call('HDEL', root .. K_ARTIFACTS_AT, name)
  end
end

-- Lists artifacts in the order of their names, each followed by its unfinished uploads.
-- In:  ARGV 1 frame  2 the name to start after, or an empty string  3 how many to check  4 the minimum age in ms
-- Out: 1 the last name that was checked, or an empty string at the end  2… the names that are old enough
local function list_artifacts(args)
  read_frame(args[1])
  local from = args[2] == '' and '-' or '(' .. args[2]
  local names = call('ZRANGEBYLEX', root .. K_ARTIFACTS, from, '+', 'LIMIT', '0', args[3])
  if not names[1] then return { '' } end
  local old = { #names == tonumber(args[3]) and names[#names] or '' }
  for at, written in ipairs(call('HMGET', root .. K_ARTIFACTS_AT, unpack(names))) do
    if now - tonumber(written or 0) >= tonumber(args[4]) then old[#old + 1] = names[at] end
  end
  return old
end

-- Notes, in the whole store's data, that a tag has artifacts.
-- In:  ARGV 1 the tag
-- Out: nothing
local function note_artifact_tag(args)
  call('SADD', root .. K_ARTIFACT_TAGS, args[1])
end

-- In:  nothing
-- Out: the tags that have artifacts
local function list_artifact_tags()
  return call('SMEMBERS', root .. K_ARTIFACT_TAGS)
end
