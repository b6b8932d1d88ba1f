-- Appends a message to a room, once, and drops the oldest ones beyond the limit.
-- KEYS: ids (sorted set), messages (hash)   ARGV: id, message, how many are kept
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then
  return 0
end
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[1], (tonumber(newest[2]) or 0) + 1, ARGV[1])
local surplus = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
while surplus > 0 do
  local slice = math.min(surplus, 1000) -- unpack takes no more than some thousands
  redis.call('HDEL', KEYS[2], unpack(redis.call('ZRANGE', KEYS[1], 0, slice - 1)))
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, slice - 1)
  surplus = surplus - slice
end
return 1
