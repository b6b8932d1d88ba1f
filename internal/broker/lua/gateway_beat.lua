-- Says that a gateway lives, or that it is taken for dead, and tells the time and who else
-- has said that it lives.
-- KEYS: gateways
-- ARGV: a life; 'first' if it has not said so before, 'dead' from another gateway
-- Returns Redis' time in ms; 1 if the life was known or is new, 0 if it was neither, -1 if
-- it was taken for dead before; each life with the time of its last beat, and 0 for one
-- that is taken for dead: it stays so, until all its departures are submitted.
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
local beat, known = redis.call('ZSCORE', KEYS[1], ARGV[1]), '0'
if beat and tonumber(beat) == 0 then
  known = '-1'
elseif beat or ARGV[2] == 'first' then
  known = '1'
  -- Redis at its maxmemory refuses a script whose first write may need memory.
  redis.call('ZREM', KEYS[1], '')
  redis.call('ZADD', KEYS[1], ARGV[2] == 'dead' and '0' or now, ARGV[1])
end
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
table.insert(all, 1, known)
table.insert(all, 1, now)
return all
