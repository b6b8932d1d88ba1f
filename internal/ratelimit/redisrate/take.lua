-- Counts one command by the generic cell rate algorithm.
-- KEYS[1]: when a whole burst is free again, in microseconds of this Redis' clock
-- ARGV: what one command takes, what a whole burst takes, both in microseconds
-- Returns 0, or after how many microseconds a command can be accepted.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local every, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = tonumber(redis.call('GET', KEYS[1]) or '0')
local function keep(full)
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
end
-- More than a burst ahead only if the clock was set back, or the rate was another. What is
-- cut is kept, or the next command would find it as far ahead.
local full = math.min(math.max(kept, now), now + most)
if full < kept then
  keep(full)
end
if full + every - now > most then
  return full + every - now - most
end
keep(full + every)
return 0
