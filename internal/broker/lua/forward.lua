-- Appends a command to the partition it belongs to, once, however often it is asked
-- to.
-- KEYS: cmd:{p}, mark of the command   ARGV: ms the mark is kept, uuid, metadata, payload
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then
  redis.call('XADD', KEYS[1], '*', '_watermill_message_uuid', ARGV[2], 'metadata', ARGV[3], 'payload', ARGV[4])
end
return 1
