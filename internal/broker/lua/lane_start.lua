-- Where a lane begins, without what is in its first entry: that may be large, and there are
-- many lanes.
-- KEYS: a stream
-- Returns the id of its first entry, of an empty stream nothing.
local entry = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return entry and entry[1]
