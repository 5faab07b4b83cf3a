-- Accept one message that is due at once, unless its key waits or is held. The most frequent of all scripts: what
-- `publish` in common.lua does, without preparing anything for more. For the keys see there.
--   KEYS[1] prefix   ARGV[2] queue   [3] priority   [4] key   [5] packed message, or "": it follows in the same
--   transaction, put into `longs` by a command

local P, call, queue, key, message = KEYS[1], redis.call, ARGV[2], ARGV[4], ARGV[5]

if call('HSETNX', P .. 'messages', key, message) == 0 then -- a full memory refuses the first write
  return
end
if message == '' then
  call('HDEL', P .. 'longs', key) -- what a transaction left there whose script failed would stand, but be another's
end

local clock = call('TIME')
local tick = (clock[1] - EPOCH) * TICKS + math.floor(clock[2] * TICKS / 1000000)
local last = tonumber(call('SET', P .. 'place', tick, 'GET') or 0)
if tick <= last then -- many were published at once, or the clock was set back
  tick = last + 1
  call('SET', P .. 'place', tick)
end
call('ZADD', P .. 'ready:' .. queue, (9 - ARGV[3]) * BAND + tick, key)
call('SADD', P .. 'queues', queue)

-- Have one of those who wait look for it. Who is gone hears nothing and does not count.
repeat
  local id = call('ZPOPMAX', P .. 'waiting:' .. queue)[1]
until not id or call('PUBLISH', P .. 'wake:' .. id, '') > 0
