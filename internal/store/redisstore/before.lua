-- Returns a page of a room's messages, the oldest first.
-- KEYS: ids (sorted set), messages (hash)
-- ARGV: id of the message after the page ("" for the newest page), length of the page
local last = redis.call('ZCARD', KEYS[1]) - 1
if ARGV[1] ~= '' then
  last = (redis.call('ZRANK', KEYS[1], ARGV[1]) or 0) - 1
end
if last < 0 then
  return {}
end
local ids = redis.call('ZRANGE', KEYS[1], math.max(0, last - tonumber(ARGV[2]) + 1), last)
return redis.call('HMGET', KEYS[2], unpack(ids))
