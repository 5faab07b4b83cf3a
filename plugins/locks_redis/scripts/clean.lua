-- Drop up to a thousand keys of expired claims from the index, from a place on; returns how many were dropped and the next place.
--   KEYS[1] prefix   ARGV[2] place

local P, call, dropped = KEYS[1], redis.call, 0
local keys = call('ZRANGE', P .. 'claims', ARGV[2], ARGV[2] + 999)
for _, key in ipairs(keys) do
  if call('EXISTS', P .. 'claim:' .. key) == 0 then
    dropped = dropped + call('ZREM', P .. 'claims', key)
  end
end
return { dropped, #keys == 0 and -1 or ARGV[2] + #keys - dropped }
