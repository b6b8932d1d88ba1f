-- The number of the oldest event in a lane, without what is in the entries: that may be
-- large, and there are many lanes.
-- KEYS: evt:{p}   ARGV: how many entries are looked at
-- Returns its _seq, '' where no entry has one, nil where more are left to be looked at.
local from = '-'
for _ = 1, tonumber(ARGV[1]) do
  local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
  if not entry then
    return ''
  end
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == '_seq' and string.find(fields[i + 1], '^%w*%.[1-9]') then
      return fields[i + 1]
    end
  end
  from = '(' .. entry[1]
end
return nil
