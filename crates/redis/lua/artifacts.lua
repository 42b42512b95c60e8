-- Large results: a string each, with what finds those to which no job points.

-- Notes that an artifact is about to be written, so that it can be found if nothing ever points at it.
-- In:  ARGV 1 frame  2 its name (id and claim)
-- Out: nothing
local function note_artifact(args)
  read_frame(args[1])
  call('ZADD', root .. K_ARTIFACTS, '0', args[2])
  call('HSET', root .. K_ARTIFACTS_AT, args[2], text(now))
end

-- Deletes an artifact; one that is not there is fine.
-- In:  ARGV 1 its name
-- Out: nothing
local function delete_artifact(args)
  call('UNLINK', root .. K_ARTIFACT .. args[1])
  call('ZREM', root .. K_ARTIFACTS, args[1])
  call('HDEL', root .. K_ARTIFACTS_AT, args[1])
end

-- Lists artifacts in order of their names.
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
