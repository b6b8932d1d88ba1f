-- Commits what commands have brought about: for each partition all of it, once, or
-- nothing at all for an owner that is no longer it.
-- KEYS: for each partition: own:{p}, cmd:{p}, evt:{p}, then its reply streams, then
--       records of outcomes
-- ARGV: length kept of evt, length kept of a reply stream, ms a reply stream outlives
--       its last use, ms a record is kept, a name that no series of events has had; then
--       for each partition: boot, epoch, number of the commit, number of its streams
--       (own:{p} with them), of its commands, of their messages and of the records, the
--       commands' entry ids, for each message: index of its stream among the partition's
--       keys, uuid, metadata, payload, and the values of the records
-- Returns for each partition: 1 for "committed", 0 for "it was already", -1 for "not
-- the owner", or the error for which nothing of it was begun.
local results = {}
local k, a = 0, 6 -- before the first key, and at the first argument, of the partition

-- unusable returns the error of the first key that is no stream, or not ours to use.
-- Redis takes nothing back when a script fails midway, so this is found out before.
local function unusable(first, last)
  for i = first, last do
    local length = redis.pcall('XLEN', KEYS[i])
    if type(length) == 'table' then
      return length.err .. ' (' .. KEYS[i] .. ')'
    end
  end
end

-- Redis at its maxmemory refuses a script whose first write may need memory. This one
-- deletes nothing: there is no such entry.
redis.call('XDEL', KEYS[2], '0-0')

while a <= #ARGV do
  local boot, epoch, number = ARGV[a], ARGV[a + 1], ARGV[a + 2]
  local keys, commands, messages, records = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5]), tonumber(ARGV[a + 6])
  local owner, entries, m = KEYS[k + 1], KEYS[k + 2], a + 7 + commands
  local r = m + 4 * messages - 1 -- before the first record
  local own = redis.call('HMGET', owner, 'boot', 'epoch', 'commit', 'series', 'seq', 'prev')
  local err = unusable(k + 2, k + keys)
  if own[1] ~= boot or own[2] ~= epoch then
    results[#results + 1] = -1
  elseif tonumber(own[3] or 0) >= tonumber(number) then -- also an attempt that was given up, and arrives late
    results[#results + 1] = 0
  elseif err then
    results[#results + 1] = err
  else
    -- Events are numbered, so that a reader sees what it has missed. After another owner's
    -- last commit, and after commits that Redis has lost, they begin anew, in another
    -- series: no number ever stands for two events. The first tells what it follows.
    local series, seq, prev = own[4] or '', tonumber(own[5] or 0), own[6]
    local anew = tonumber(own[3] or -1) ~= number - 1 or not own[4]
    if anew then
      if seq > 0 or not prev then
        prev = string.format('%s.%.0f', series, seq)
      end
      series, seq = ARGV[5], 0
    end
    for i = m, r, 4 do
      local key = tonumber(ARGV[i])
      if key == 2 then -- a follow-up: the backlog is never trimmed
        redis.call('XADD', entries, '*', '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3])
      elseif key == 3 then
        seq = seq + 1
        redis.call('XADD', KEYS[k + 3], 'MAXLEN', '~', ARGV[1], '*',
          '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3],
          '_seq', string.format(seq == 1 and '%s.%.0f %s' or '%s.%.0f', series, seq, prev))
      else
        redis.call('XADD', KEYS[k + key], 'MAXLEN', '~', ARGV[2], '*',
          '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3])
      end
    end
    for i = k + 4, k + keys do
      redis.call('PEXPIRE', KEYS[i], ARGV[3])
    end
    for i = 1, records do
      redis.call('SET', KEYS[k + keys + i], ARGV[r + i], 'PX', ARGV[4])
    end
    -- Last, so that what fails midway all the same is committed again and not lost.
    if anew then
      redis.call('HSET', owner, 'commit', number, 'series', series, 'seq', seq, 'prev', prev)
    else
      redis.call('HSET', owner, 'commit', number, 'seq', seq)
    end
    redis.call('XDEL', entries, unpack(ARGV, a + 7, m - 1))
    results[#results + 1] = 1
  end
  k, a = k + keys + records, r + 1 + records
end
return results
