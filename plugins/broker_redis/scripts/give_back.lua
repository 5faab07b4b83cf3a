-- End a consumer: what it holds goes back to its places, uncharged.
--   ARGV[2] consumer   [3…] its queues

local id = ARGV[2]
local freed = {}

write_though_full()
local held = call('HGETALL', P .. 'held:' .. id)
for i = 1, #held, 2 do
  local queue = put_back(held[i], held[i + 1], 0)
  freed[queue] = (freed[queue] or 0) + 1
end
forget_consumer(id)
for i = 3, #ARGV do
  local queue = ARGV[i]
  -- It was woken already and will not look: another one does in its place.
  if call('ZREM', P .. 'waiting:' .. queue, id) == 0 then
    freed[queue] = freed[queue] or 1
  end
end
for queue, most in pairs(freed) do
  wake(queue, min(most, call('ZCARD', P .. 'ready:' .. queue)))
end
-- What comes later is to be known to somebody else who waits.
for i = 3, #ARGV do
  wake(ARGV[i], call('EXISTS', P .. 'delayed:' .. ARGV[i]))
end
