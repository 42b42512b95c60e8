-- Large results: a hash of chunks each, with what finds those to which no job points, and uploads that never ended. An upload is named
-- after its artifact (id and claim, 24 bytes) and 8 bytes of its own.

-- Notes that an artifact is about to be written, so that what is left of it can be found if it never is to its end.
-- In:  ARGV 1 frame  2 the name of the upload
-- Out: nothing
local function begin_artifact(args)
  read_frame(args[1])
  call('ZADD', root .. K_ARTIFACTS, '0', args[2])
  call('HSET', root .. K_ARTIFACTS_AT, args[2], text(now))
end

-- Writes a chunk of an upload; nobody reads it before the upload is finished.
-- In:  ARGV 1 the name of the upload  2 which chunk it is, from 0 on  3 its bytes
-- Out: 1; or 0 where the upload was deleted
local function write_artifact(args)
  if not call('ZSCORE', root .. K_ARTIFACTS, args[1]) then return 0 end
  call('HSET', root .. K_ARTIFACT .. args[1], args[2], args[3])
  return 1
end

-- Makes what was uploaded the artifact of its name. A repeat is fine.
-- In:  ARGV 1 frame  2 the name of the upload  3 how many chunks there are  4 the size of the whole  5 the length of each chunk but
--           the last
-- Out: 1; or 0 where the upload, or a part of it, is not there any more
local function finish_artifact(args)
  read_frame(args[1])
  local upload, name, id = args[2], sub(args[2], 1, 24), sub(args[2], 25)
  local from, to = root .. K_ARTIFACT .. upload, root .. K_ARTIFACT .. name
  if not call('ZSCORE', root .. K_ARTIFACTS, upload) then
    return call('TYPE', to).ok == 'hash' and call('HGET', to, 'id') == id and 1 or 0
  end
  if call('HLEN', from) ~= tonumber(args[3]) then return 0 end
  call('HSET', from, 'id', id, 'size', args[4], 'chunk', args[5])
  call('UNLINK', to) -- a rename would free what was there at once, however much that is
  call('RENAME', from, to)
  call('ZREM', root .. K_ARTIFACTS, upload)
  call('HDEL', root .. K_ARTIFACTS_AT, upload)
  call('ZADD', root .. K_ARTIFACTS, '0', name)
  call('HSET', root .. K_ARTIFACTS_AT, name, text(now))
  return 1
end

-- Says how an artifact is to be read.
-- In:  ARGV 1 its name
-- Out: nothing where there is none; its size, the length of each chunk but the last, and the id of its upload. An artifact that is one
--      string, as programs wrote it before there were chunks, has no length of chunks and no id
local function open_artifact(args)
  local key = root .. K_ARTIFACT .. args[1]
  local kind = call('TYPE', key).ok
  if kind == 'hash' then return call('HMGET', key, 'size', 'chunk', 'id') end
  return kind == 'string' and { call('STRLEN', key) } or {}
end

-- Deletes an artifact, and what uploads of it left behind; one that is not there is fine.
-- In:  ARGV 1 its name, or that of one upload alone
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

-- Lists artifacts in order of their names, and after each the uploads of it that have not ended.
-- In:  ARGV 1 frame  2 the name after which to begin, or nothing  3 how many to look at  4 at least how old, in ms
-- Out: 1 the last name that was looked at, or nothing at the end  2… names of those that are old enough
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

-- Notes, for the whole store, that there are artifacts under a tag.
-- In:  ARGV 1 the tag
-- Out: nothing
local function note_artifact_tag(args)
  call('SADD', root .. K_ARTIFACT_TAGS, args[1])
end

-- In:  nothing
-- Out: the tags under which there are artifacts
local function list_artifact_tags()
  return call('SMEMBERS', root .. K_ARTIFACT_TAGS)
end
