-- Follows the rooms of one gateway's sockets, for one partition: what is to be
-- submitted when a socket's connection, or the whole gateway, ends. Each batch is
-- applied once, however often it is sent, and a departure is submitted by whoever takes
-- it off the roster: once.
-- KEYS: roster:{p}:<life>, cmd:{p}
-- ARGV: number of the batch, then of each change: '+' field, and a command as its
--       lengths of uuid and metadata with a space between, uuid, metadata and payload;
--       '-' field, ''; '!' field, payload in place of the command's own
-- Returns 1 for "applied", 0 for "it was already", and for one that is not: -1 for "this
-- life was ended by another gateway", -2 for "Redis has forgotten batches before".
-- Redis at its maxmemory refuses a script whose first write may need memory. This one
-- deletes nothing: there is no such field.
redis.call('HDEL', KEYS[1], '')
local own, number = redis.call('HMGET', KEYS[1], '#', 'last'), tonumber(ARGV[1])
if own[1] == 'ended' then
  return tonumber(own[2] or 0) >= number and 0 or -1
end
local last = tonumber(own[1] or 0)
if last >= number then
  return 0
end
if last < number - 1 then
  return -2
end

local i = 2
while i <= #ARGV do
  local what, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if what == '+' then
    redis.call('HSET', KEYS[1], field, value)
  elseif what == '-' then
    redis.call('HDEL', KEYS[1], field)
  else
    local command = redis.call('HGET', KEYS[1], field)
    if command then
      local uuid, metadata, at = string.match(command, '^(%d+) (%d+) ()')
      redis.call('XADD', KEYS[2], '*',
        '_watermill_message_uuid', string.sub(command, at, at + uuid - 1),
        'metadata', string.sub(command, at + uuid, at + uuid + metadata - 1), 'payload', value)
      redis.call('HDEL', KEYS[1], field)
    end
  end
  i = i + 3
end
redis.call('HSET', KEYS[1], '#', ARGV[1])
return 1
