-- Says that a worker lives, and tells the time and who else does.
-- KEYS: workers   ARGV: boot, how long a beat counts in ms
-- Returns Redis' time in ms, then the live boots.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A beat from the future was made before the clock was set back: who lives repeats it.
-- Redis at its maxmemory refuses a script whose first write may need memory, so that
-- one comes second.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')
redis.call('ZADD', KEYS[1], now, ARGV[1])
local live = redis.call('ZRANGE', KEYS[1], 0, -1)
table.insert(live, 1, string.format('%.0f', now))
return live
