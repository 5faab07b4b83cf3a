-- Renew leases; returns the positions, from 0, of the consumers whose lease had ended.
--   ARGV[2…] consumers

local now, ended = time(), {}

write_though_full()
for i = 2, #ARGV do
  local ends_at = call('ZSCORE', P .. 'leases', ARGV[i])
  local lease = ends_at and tonumber(ends_at) > now and call('HGET', P .. 'consumer:' .. ARGV[i], 'lease')
  if lease and ends_at - now > 2 * lease then -- it waits and holds nothing
    call('ZADD', P .. 'leases', instant(now + IDLE), ARGV[i])
  elseif lease then
    call('ZADD', P .. 'leases', instant(now + lease), ARGV[i])
  else
    ended[#ended + 1] = i - 2
  end
end
return ended
