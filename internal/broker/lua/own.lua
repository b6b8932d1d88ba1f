-- Takes, renews or releases a partition. Times are Redis' own.
-- KEYS: own:{p}   ARGV: what to do, node, boot, epoch, lease in ms
-- Returns the epoch under which the caller owns the partition now, 0 for "not yours".
local what, node, boot, epoch, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local own = redis.call('HMGET', KEYS[1], 'boot', 'epoch', 'until')

if what == 'take' then
  -- A lease that is longer than leases are was written before the clock was set back.
  local held = tonumber(own[3] or 0)
  if held >= now and held <= now + lease then
    return 0
  end
elseif own[1] ~= boot or own[2] ~= epoch then
  return 0
end

-- Redis at its maxmemory refuses a script whose first write may need memory: a lease
-- that is not renewed would stop the very work that frees it.
redis.call('HDEL', KEYS[1], 'until')
if what == 'release' then
  return 0
end
if what == 'take' then
  -- After every epoch there was, also when Redis has forgotten them: else a commit of the
  -- last one, still under way, would be taken for one of this.
  epoch = string.format('%.0f', math.max(tonumber(own[2] or 0) + 1, t[1] * 1000000 + t[2]))
  redis.call('HSET', KEYS[1], 'node', node, 'boot', boot, 'epoch', epoch)
  redis.call('HDEL', KEYS[1], 'commit') -- the new owner counts from 1
end
redis.call('HSET', KEYS[1], 'until', now + lease)
return tonumber(epoch)
