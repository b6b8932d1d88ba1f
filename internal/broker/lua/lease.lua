-- Takes, renews or releases a partition. Times are Redis' own.
-- Taking keeps when an owner last ended without releasing, and when the one before it
-- did (crashed, suspect), and which entry then ran alone (died).
-- KEYS: own:{p}   ARGV: what to do, node, boot, epoch, lease in ms, and to mark one
-- that is to run alone (which renews as well) its entry
-- Returns the epoch under which the caller owns the partition now, 0 for "not yours";
-- for one that was taken: the epoch, suspect, died, and the time if the owner before, who
-- is another one, has not released it, else 0.
-- Redis at its maxmemory refuses a script whose first write may need memory: a lease
-- that is not renewed would stop the very work that frees it. So that one deletes.
local what, node, boot, epoch, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local own = redis.call('HMGET', KEYS[1], 'boot', 'epoch', 'until', 'crashed', 'alone')

if what == 'take' then
  local held = tonumber(own[3] or 0)
  if held > now + lease then
    -- Longer than leases are: it was written before the clock was set back. An owner that
    -- lives renews it before it ends now.
    redis.call('HDEL', KEYS[1], 'until')
    redis.call('HSET', KEYS[1], 'until', now + lease)
  end
  if held >= now then
    return 0
  end
elseif own[1] ~= boot or own[2] ~= epoch then
  return 0
end

redis.call('HDEL', KEYS[1], 'until')
if what ~= 'renew' then
  redis.call('HDEL', KEYS[1], 'alone')
end
if what == 'release' then
  return 0
end
if what == 'mark' then
  redis.call('HSET', KEYS[1], 'alone', ARGV[6])
end
local inherited = 0
if what == 'take' then
  if own[3] and own[1] ~= boot then -- our own lease lapses when Redis does not answer
    inherited = now
    redis.call('HSET', KEYS[1], 'crashed', now, 'suspect', own[4] or 0)
    if own[5] then
      redis.call('HSET', KEYS[1], 'died', own[5])
    end
  end
  -- After every epoch there was, also when Redis has forgotten them: else a commit of the
  -- last one, still under way, would be taken for one of this.
  epoch = string.format('%.0f', math.max(tonumber(own[2] or 0) + 1, t[1] * 1000000 + t[2]))
  redis.call('HSET', KEYS[1], 'node', node, 'boot', boot, 'epoch', epoch)
  redis.call('HDEL', KEYS[1], 'commit', 'void') -- the new owner counts from 1
end
redis.call('HSET', KEYS[1], 'until', now + lease)
if what == 'take' then
  local kept = redis.call('HMGET', KEYS[1], 'suspect', 'died')
  return { tonumber(epoch), kept[1] or '', kept[2] or '', inherited }
end
return tonumber(epoch)
