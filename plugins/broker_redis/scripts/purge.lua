-- Drop some of what waits in a queue, ready and delayed; returns how many it was. A queue without anything is forgotten.
--   ARGV[2] queue   [3] most of each kind

local queue, most = ARGV[2], ARGV[3]
local keys = {}

local function drop(set, pattern)
  local popped = call('ZPOPMIN', set, most)
  for i = 1, #popped, 2 do
    keys[#keys + 1] = match(popped[i], pattern)
  end
end

-- Whether somebody holds a message of the queue, which may come back to it.
local function runs(queue)
  for _, consumer in ipairs(call('ZRANGE', P .. 'leases', 0, -1)) do
    for _, token in ipairs(call('HVALS', P .. 'held:' .. consumer)) do
      if select(3, parse(token)) == queue then
        return true
      end
    end
  end
  return false
end

drop(P .. 'ready:' .. queue, '^(.*)$')
drop(P .. 'delayed:' .. queue, '^%d+:(.*)$')
if #keys > 0 then
  forget(keys)
elseif call('EXISTS', P .. 'dead:' .. queue) == 0 and not runs(queue) then
  call('SREM', P .. 'queues', queue)
end
return #keys
