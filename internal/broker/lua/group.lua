-- Takes, keeps or gives up the lead of a group, and keeps its positions.
-- KEYS: the group   ARGV: what to do, member, epoch, lease in ms, then streams and
--                         positions to keep
-- "take" returns the epoch, then streams and positions; nothing while somebody else
-- leads. The others return 1, or 0 for "you do not lead".
-- Redis at its maxmemory refuses a script whose first write may need memory, so that one
-- deletes.
local what, member, epoch, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local group = redis.call('HMGET', KEYS[1], 'until', 'epoch', 'member')

if what == 'take' then
  local held = tonumber(group[1] or 0)
  if held > now + lease then
    -- Longer than leases are: it was written before the clock was set back. A leader that
    -- lives renews it before it ends now.
    redis.call('HDEL', KEYS[1], 'until')
    redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + lease))
  end
  if held >= now then
    return {}
  end
elseif group[2] ~= epoch or group[3] ~= member then
  return 0
end

redis.call('HDEL', KEYS[1], 'until')
for i = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 'at ' .. ARGV[i], ARGV[i + 1])
end
if what == 'release' then
  return 1
end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + lease))
if what == 'keep' then
  return 1
end
-- After every epoch there was, also when Redis has forgotten them: else who led until then
-- would go on beside who leads now.
epoch = string.format('%.0f', math.max(tonumber(group[2] or 0) + 1, t[1] * 1000000 + t[2]))
redis.call('HSET', KEYS[1], 'member', member, 'epoch', epoch)
local answer = {tonumber(epoch)}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 3) == 'at ' then
    table.insert(answer, string.sub(all[i], 4))
    table.insert(answer, all[i + 1])
  end
end
return answer
