-- Change a claim, if the token given holds it. The body of a function of `args`:
--   [1] "R", release, or "K", keep   [2] prefix   [3] key   [4] token   and for K: [5] milliseconds   [6] queue
-- For the keys see claim.lua.

local call, claim = redis.call, args[2] .. 'claim:' .. args[3]
if call('HGET', claim, 'token') ~= args[4] then
  return
end
if args[1] == 'R' then
  call('DEL', claim)
  call('ZREM', args[2] .. 'claims', args[3])
  return
end
local clock = call('TIME')
local ends_at = clock[1] * 1000 + math.floor(clock[2] / 1000) + args[5]
call('HSET', claim, 'queue', args[6], 'ends_at', string.format('%.0f', ends_at))
if args[6] == '' then
  call('PEXPIRE', claim, args[5])
else
  call('PERSIST', claim)
end
