-- Let dead letters wait again, last in their queues, with a clean slate but for the fence; returns how many there were.
-- If a key was published again meanwhile, that message stands and its dead letter is forgotten.
--   ARGV[2…] refs

local revived, now = 0, time()
for i = 2, #ARGV do
  local letter = P .. 'letter:' .. ARGV[i]
  local queue, key, fence, priority, message = unpack(call('HMGET', letter, 'queue', 'key', 'fence', 'priority', 'message'))
  if queue then
    if call('HSETNX', P .. 'messages', key, message) == 1 then
      local place = (9 - priority) * BAND + take_ticks(1, now) + 1
      set_state(key, fence, 0, 0, 0)
      call('ZADD', P .. 'ready:' .. queue, place, key)
      wake(queue, 1)
    end
    call('ZREM', P .. 'dead:' .. queue, ARGV[i])
    call('DEL', letter)
    revived = revived + 1
  end
end
return revived
