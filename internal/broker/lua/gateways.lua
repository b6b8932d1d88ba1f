-- Says that a gateway lives, and tells the time and who else has said so.
-- KEYS: gateways   ARGV: its life, 'first' if it has not said so before
-- Returns Redis' time in ms, 1 if the life was known or is new, else 0, and each life
-- with the time of its last beat.
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
local known = ARGV[2] == 'first' or redis.call('ZSCORE', KEYS[1], ARGV[1])
if known then
  -- Redis at its maxmemory refuses a script whose first write may need memory.
  redis.call('ZREM', KEYS[1], '')
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
table.insert(all, 1, known and '1' or '0')
table.insert(all, 1, now)
return all
