-- Commits what commands of one partition have brought about, each command once, and
-- nothing at all for an owner that is no longer it.
-- KEYS: own:{p}, cmd:{p}, evt:{p}, then reply streams
-- ARGV: boot, epoch, length kept of evt, length kept of a reply stream, ms a reply
--       stream outlives its last use, then for each command: entry id, number of
--       messages, and for each message: index of its stream in KEYS, uuid,
--       metadata, payload
-- Returns how many commands were committed, -1 for "not the owner".
local own = redis.call('HMGET', KEYS[1], 'boot', 'epoch')
if own[1] ~= ARGV[1] or own[2] ~= ARGV[2] then
  return -1
end

-- Redis at its maxmemory refuses a script whose first write may need memory. This one
-- deletes nothing: there is no such entry.
redis.call('XDEL', KEYS[2], '0-0')

local function append(key, uuid, metadata, payload)
  local fields = {'_watermill_message_uuid', uuid, 'metadata', metadata, 'payload', payload}
  if key == 2 then -- a follow-up: the backlog is never trimmed
    redis.call('XADD', KEYS[2], '*', unpack(fields))
  elseif key == 3 then
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', unpack(fields))
  else
    redis.call('XADD', KEYS[key], 'MAXLEN', '~', ARGV[4], '*', unpack(fields))
    if redis.call('XLEN', KEYS[key]) == 1 then
      redis.call('PEXPIRE', KEYS[key], ARGV[5])
    end
  end
end

local i, committed = 6, 0
while i <= #ARGV do
  local entry, messages = ARGV[i], tonumber(ARGV[i + 1])
  i = i + 2
  -- An entry that is gone was committed before: its command is not committed twice.
  local mine = #redis.call('XRANGE', KEYS[2], entry, entry) == 1
  for _ = 1, messages do
    if mine then
      append(tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    end
    i = i + 4
  end
  -- Redis takes nothing back when a script fails midway. The entry goes last, so that
  -- its command is then committed again, and not lost.
  if mine then
    redis.call('XDEL', KEYS[2], entry)
    committed = committed + 1
  end
end
return committed
