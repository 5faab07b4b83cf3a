-- Lead, or go on leading: the fence, or nothing while another leads. For the keys see claim.lua.
--   KEYS[1] prefix   ARGV[2] holder   [3] lease in seconds; 0: lead no more

local call, beat = redis.call, KEYS[1] .. 'beat'
local known, clock = call('HMGET', beat, 'holder', 'fence', 'ends_at'), call('TIME')
local now, fence = clock[1] + clock[2] / 1000000, tonumber(known[2] or 0)
local is_mine = known[1] == ARGV[2]

if tonumber(ARGV[3]) <= 0 then
  if is_mine then
    call('HSET', beat, 'holder', '', 'ends_at', '0')
  end
  return false
end
if not is_mine and tonumber(known[3] or 0) >= now then
  return false
end
if not is_mine then
  fence = fence + 1
end
call('HSET', beat, 'holder', ARGV[2], 'fence', string.format('%.0f', fence), 'ends_at', string.format('%.6f', now + ARGV[3]))
return fence
