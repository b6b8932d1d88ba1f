-- Appends a command to the partition it belongs to, once, however often it is asked
-- to.
-- KEYS: cmd:{p}, mark of the command   ARGV: ms the mark is kept, uuid, metadata, payload
-- PEXPIRE is also the first write because Redis at its maxmemory refuses a script
-- whose first write may need memory. The mark comes last: what fails is tried again.
if redis.call('PEXPIRE', KEYS[2], ARGV[1]) == 0 then
  redis.call('XADD', KEYS[1], '*', '_watermill_message_uuid', ARGV[2], 'metadata', ARGV[3], 'payload', ARGV[4])
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
end
return 1
