-- Appends a message to a room, once, and drops the oldest ones beyond the limit.
-- KEYS: ids (sorted set), messages (hash)   ARGV: id, message, how many are kept
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then
  return 0
end
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[1], (tonumber(newest[2]) or 0) + 1, ARGV[1])
local surplus = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
if surplus > 0 then
  redis.call('HDEL', KEYS[2], unpack(redis.call('ZRANGE', KEYS[1], 0, surplus - 1)))
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, surplus - 1)
end
return 1
