-- Make ready what waits for later in a queue under some keys, a part of the queue at a time.
--   ARGV[2] queue   [3] cursor: "0" to begin with   [4] about how many to look at   [5…] keys
-- Returns {next cursor, positions of the keys that were found ready or made so, from 0}; the cursor is "0" at the end.

local queue, keys = ARGV[2], { unpack(ARGV, 5) }
local wanted, found = {}, {}
for n = 1, #keys do
  wanted[keys[n]] = n - 1
end

if ARGV[3] == '0' then
  local places = all_of('ZMSCORE', P .. 'ready:' .. queue, keys)
  for n = 1, #keys do
    if places[n] then
      found[#found + 1] = n - 1
    end
  end
end

write_though_full()
local delayed, number = P .. 'delayed:' .. queue, 0
local reply = call('ZSCAN', delayed, ARGV[3], 'COUNT', ARGV[4])
for i = 1, #reply[2], 2 do
  local place, key = match(reply[2][i], '^(%d+):(.*)$')
  if wanted[key] and call('ZREM', delayed, reply[2][i]) == 1 then
    call('ZADD', P .. 'ready:' .. queue, place, key)
    found[#found + 1] = wanted[key]
    number = number + 1
  end
end
wake(queue, number)
return { reply[1], found }
