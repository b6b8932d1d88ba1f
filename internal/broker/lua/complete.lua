-- Commits what commands have brought about: for each partition all of it, once, or
-- nothing at all for an owner that is no longer it.
-- KEYS: for each partition: own:{p}, cmd:{p}, evt:{p}, then its reply streams, then the
--       streams in which events are kept, then, if there are dead letters, dlq:{p}, then
--       records of outcomes
-- ARGV: length kept of evt, length kept of a reply stream, ms a reply stream outlives
--       its last use, ms a record is kept, a name that no series of events has had,
--       length kept of a dlq; then for each partition: boot, epoch, number of the commit,
--       number of its streams (own:{p} with them), of the reply streams, of its commands,
--       of their messages and of the records, the commands' entry ids, for each message:
--       index of its stream among the partition's keys, uuid, metadata, payload, and the
--       values of the records. Dead letters are the first messages and have index 0. An
--       event that is kept is followed by what counts as one more message: minus the
--       index of the stream, the id of the entry, the length kept, and nothing. Without
--       commands the number is made void: what was sent under it commits nothing any more.
-- Returns for each partition: 1 for "committed", 0 for "it was already", -1 for "not
-- the owner", or the error for which nothing of it was begun; for one committed with
-- dead letters: 1, how many the dlq has now, and how many older ones were dropped. For a
-- number to be made void: 1 however often it is asked for, 0 for "it was committed".
local results = {}
local k, a = 0, 7 -- before the first key, and at the first argument, of the partition

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

-- bury appends the dead letters at the head of the messages, all or none. It returns
-- the first argument after them, the error if there is one, and what is said of the
-- dlq.
local function bury(dlq, first, last)
  local ids, dropped, i = {}, 0, first
  while i <= last and ARGV[i] == '0' do
    local before = redis.call('XLEN', dlq)
    local id = redis.pcall('XADD', dlq, 'MAXLEN', '~', ARGV[6], '*',
      '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3])
    if type(id) == 'table' then
      if #ids > 0 then
        redis.call('XDEL', dlq, unpack(ids))
      end
      return i, id.err .. ' (' .. dlq .. ')'
    end
    ids[#ids + 1] = id
    dropped = dropped + before + 1 - redis.call('XLEN', dlq)
    i = i + 4
  end
  return i, nil, #ids > 0 and { 1, redis.call('XLEN', dlq), dropped }
end

-- keep appends an event's payload to what is kept. Its id is the position of its command.
-- Were the clock of Redis set back and the commands deleted, later ones may be there: then
-- it comes last all the same.
local function keep(log, id, length, payload)
  local kept = redis.pcall('XADD', log, 'MAXLEN', '~', length, id, 'payload', payload)
  if type(kept) == 'table' then
    redis.call('XADD', log, 'MAXLEN', '~', length, '*', 'payload', payload)
  end
end

-- Redis at its maxmemory refuses a script whose first write may need memory. This one
-- deletes nothing: there is no such entry.
redis.call('XDEL', KEYS[2], '0-0')

while a <= #ARGV do
  local boot, epoch, number = ARGV[a], ARGV[a + 1], ARGV[a + 2]
  local keys, replies, commands = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local messages, records = tonumber(ARGV[a + 6]), tonumber(ARGV[a + 7])
  local owner, entries, m = KEYS[k + 1], KEYS[k + 2], a + 8 + commands
  local r = m + 4 * messages - 1 -- before the first record
  local own = redis.call('HMGET', owner, 'boot', 'epoch', 'commit', 'series', 'seq', 'prev', 'void')
  local err = unusable(k + 2, k + keys)
  local first, buried = m, nil
  local already = tonumber(own[3] or 0) >= tonumber(number) -- also an attempt that was given up, and arrives late
  if not err and not already and own[1] == boot and own[2] == epoch then
    first, err, buried = bury(KEYS[k + keys], m, r) -- what cannot be buried is not begun
  end
  if own[1] ~= boot or own[2] ~= epoch then
    results[#results + 1] = -1
  elseif already then
    results[#results + 1] = commands == 0 and own[7] == number and 1 or 0
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
    for i = first, r, 4 do
      local key = tonumber(ARGV[i])
      if key < 0 then
        keep(KEYS[k - key], ARGV[i + 1], ARGV[i + 2], ARGV[i - 1])
      elseif key == 2 then -- a follow-up: the backlog is never trimmed
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
    for i = k + 4, k + 3 + replies do
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
    if commands > 0 then
      redis.call('XDEL', entries, unpack(ARGV, a + 8, m - 1))
    else
      redis.call('HSET', owner, 'void', number)
    end
    results[#results + 1] = buried or 1
  end
  k, a = k + keys + records, r + 1 + records
end
return results
