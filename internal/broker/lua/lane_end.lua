-- Where a lane ends, without what is in its last entry: that may be large, and there are
-- many lanes.
-- KEYS: a stream
-- Returns the id of its last entry and that one's _seq, '' for none; of an empty stream
-- nothing.
local entry = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not entry then
  return {}
end
local seq, fields = '', entry[2]
for i = 1, #fields, 2 do
  if fields[i] == '_seq' then
    seq = fields[i + 1]
  end
end
return { entry[1], seq }
