-- Commits what commands have brought about: for each partition all of it, once, or
-- nothing at all for an owner that is no longer it.
-- KEYS: for each partition: own:{p}, cmd:{p}, evt:{p}, then its reply streams, then the
--       streams in which events are kept, then, if there are dead letters, dlq:{p}, then
--       records of outcomes
-- ARGV: length kept of evt, length kept of a reply stream, ms a reply stream outlives
--       its last use, ms a record is kept, a name that no series of events has had,
--       length kept of a dlq; then for each partition: boot, epoch, number of the commit,
--       number of its streams (own:{p} with them), of the reply streams, of those in which
--       events are kept, of its commands, of the arguments of its messages and of the
--       records; the lengths of the streams in which events are kept, the commands' entry
--       ids, for each message: index of its stream among the partition's keys, uuid,
--       metadata, payload, and the values of the records. Dead letters have index 0, and an
--       event that is kept that of the stream where, and one argument more: the id that it
--       has there. Without commands the number is made void: what was sent under it commits
--       nothing any more.
-- Returns for each partition: 1 for "committed", 0 for "it was already", -1 for "not
-- the owner", or the error for which nothing of it was done; for one committed with
-- dead letters: 1, how many the dlq has now, and how many older ones were dropped. For a
-- number to be made void: 1 however often it is asked for, 0 for "it was committed".
local call, pcall = redis.call, redis.pcall
local results = {}
local k, a = 0, 7 -- before the first key, and at the first argument, of the partition

-- keep appends an event's payload to what is kept. Its id is the position of its command.
-- Were the clock of Redis set back and the commands deleted, later ones may be there, and
-- that id itself may have been, in an attempt that was taken back: then it comes last all
-- the same.
local function keep(stream, length, id, payload)
  local kept = pcall('XADD', stream, 'MAXLEN', '~', length, id, 'payload', payload)
  if type(kept) == 'table' then
    kept = pcall('XADD', stream, 'MAXLEN', '~', length, '*', 'payload', payload)
  end
  return kept
end

-- Redis at its maxmemory refuses a script whose first write may need memory. This one
-- deletes nothing: there is no such field.
call('HDEL', KEYS[1], '')

while a <= #ARGV do
  local boot, epoch, number = ARGV[a], ARGV[a + 1], ARGV[a + 2]
  local keys, replies, logs = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local commands, size, records = tonumber(ARGV[a + 6]), tonumber(ARGV[a + 7]), tonumber(ARGV[a + 8])
  local owner, entries, events, dlq = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], KEYS[k + keys]
  local i = a + 8 + logs -- before the commands, and then at a message
  local first, last = i + 1, i + commands
  local r = last + size -- before the first record
  local own = call('HMGET', owner, 'boot', 'epoch', 'commit', 'series', 'seq')
  local err
  if own[1] ~= boot or own[2] ~= epoch then
    results[#results + 1] = -1
  elseif tonumber(own[3] or 0) >= tonumber(number) then -- also an attempt that was given up, and arrives late
    results[#results + 1] = commands == 0 and call('HGET', owner, 'void') == number and 1 or 0
  else
    -- Events are numbered, so that a reader sees what it has missed. After another owner's
    -- last commit, and after commits that Redis has lost, they begin anew, in another
    -- series: no number ever stands for two events. The first tells what it follows.
    local series, seq, prev = own[4] or '', tonumber(own[5] or 0), nil
    local anew = tonumber(own[3] or -1) ~= number - 1 or not own[4]
    if anew or seq == 0 then
      prev = call('HGET', owner, 'prev')
    end
    if anew then
      if seq > 0 or not prev then
        prev = series .. '.' .. seq
      end
      series, seq = ARGV[5], 0
    end

    local added, n = {}, 0 -- streams and ids, by turns
    local buried, dropped = 0, 0
    i = last + 1
    while i <= r do
      local place = tonumber(ARGV[i])
      local stream, id = KEYS[k + place], nil
      if place == 3 or place > 3 + replies then
        seq = seq + 1
        local mark = series .. '.' .. seq
        if seq == 1 then
          mark = mark .. ' ' .. prev
        end
        id = pcall('XADD', events, 'MAXLEN', '~', ARGV[1], '*',
          '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3], '_seq', mark)
        if place > 3 and type(id) ~= 'table' then
          added[n + 1], added[n + 2], n = events, id, n + 2
          id = keep(stream, ARGV[a + 5 + place - replies], ARGV[i + 4], ARGV[i + 3])
          i = i + 1
        end
      elseif place == 2 then -- a follow-up: the backlog is never trimmed
        id = pcall('XADD', stream, '*', '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3])
      elseif place > 3 then
        id = pcall('XADD', stream, 'MAXLEN', '~', ARGV[2], '*',
          '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3])
      else
        stream = dlq
        local before = pcall('XLEN', dlq)
        id = type(before) == 'table' and before or pcall('XADD', dlq, 'MAXLEN', '~', ARGV[6], '*',
          '_watermill_message_uuid', ARGV[i + 1], 'metadata', ARGV[i + 2], 'payload', ARGV[i + 3])
        if type(id) ~= 'table' then
          buried, dropped = buried + 1, dropped + before + 1 - call('XLEN', dlq)
        end
      end
      if type(id) == 'table' then
        err = id.err .. ' (' .. stream .. ')'
        break
      end
      added[n + 1], added[n + 2], n = stream, id, n + 2
      i = i + 4
    end

    if err then
      -- Redis takes nothing back by itself.
      for j = 1, n, 2 do
        call('XDEL', added[j], added[j + 1])
      end
      results[#results + 1] = err
    else
      for j = k + 4, k + 3 + replies do
        call('PEXPIRE', KEYS[j], ARGV[3])
      end
      for j = 1, records do
        call('SET', KEYS[k + keys + j], ARGV[r + j], 'PX', ARGV[4])
      end
      -- Last, so that what fails midway all the same is committed again and not lost.
      if anew then
        call('HSET', owner, 'commit', number, 'series', series, 'seq', seq, 'prev', prev)
      else
        call('HSET', owner, 'commit', number, 'seq', seq)
      end
      if commands > 0 then
        call('XDEL', entries, unpack(ARGV, first, last))
      else
        call('HSET', owner, 'void', number)
      end
      results[#results + 1] = buried > 0 and { 1, call('XLEN', dlq), dropped } or 1
    end
  end
  k, a = k + keys + records, r + 1 + records
end
return results
