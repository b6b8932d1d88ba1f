-- Moves a dead letter back to the backlog, as a new command.
-- KEYS: dlq:{p}, cmd:{p}   ARGV: its entry there, uuid, metadata, payload
-- Returns 1, or 0 if it is no longer there. It is deleted last: what fails is kept.
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then
  return 0
end
redis.call('XADD', KEYS[2], '*', '_watermill_message_uuid', ARGV[2], 'metadata', ARGV[3], 'payload', ARGV[4])
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
