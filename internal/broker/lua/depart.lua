-- Submits what is on the roster of a gateway that is dead, for one partition, some of
-- it at a time. From the first run on the gateway, should it wake up, can add nothing,
-- but see which of its batches were applied.
-- KEYS: roster:{p}:<life>, cmd:{p}
-- ARGV: cursor, "0" for the first run, about how many, ms the end is known for
-- Returns the next cursor, "0" when all was seen, and how many were submitted.
redis.call('HDEL', KEYS[1], '') -- see roster.lua
local last = redis.call('HGET', KEYS[1], '#')
if last ~= 'ended' then
  redis.call('HSET', KEYS[1], '#', 'ended', 'last', last or 0)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local n = 0
for i = 1, #page[2], 2 do
  local field, command = page[2][i], page[2][i + 1]
  local uuid, metadata, at = string.match(command, '^(%d+) (%d+) ()')
  if uuid then -- '#' and 'last' are no commands
    redis.call('XADD', KEYS[2], '*',
      '_watermill_message_uuid', string.sub(command, at, at + uuid - 1),
      'metadata', string.sub(command, at + uuid, at + uuid + metadata - 1),
      'payload', string.sub(command, at + uuid + metadata))
    redis.call('HDEL', KEYS[1], field)
    n = n + 1
  end
end
return { page[1], n }
