-- An occurrence was sent, or has ended. The body of a function of `args`; for the keys see claim.lua.
--   [1] "S" or "E"   [2] prefix   [3] key of the entry   [4] instant

local call, open, field = redis.call, args[2] .. 'beat:open', args[4] .. ' ' .. args[3]
if args[1] == 'S' and string.sub(call('HGET', open, field) or '', 1, 1) == 'W' then
  call('HSET', open, field, 'W')
else
  call('HDEL', open, field)
end
