-- Forget dead letters for good; returns how many there were.
--   ARGV[2] most   [3…] refs, or nothing for all, the oldest of each queue first

local refs = { unpack(ARGV, 3) }
if #refs == 0 then
  for _, queue in ipairs(call('SMEMBERS', P .. 'queues')) do
    for _, ref in ipairs(call('ZRANGE', P .. 'dead:' .. queue, 0, ARGV[2] - 1)) do
      refs[#refs + 1] = ref
    end
  end
end
local gone = 0
for _, ref in ipairs(refs) do
  local queue = call('HGET', P .. 'letter:' .. ref, 'queue')
  if queue then
    call('ZREM', P .. 'dead:' .. queue, ref)
    gone = gone + call('DEL', P .. 'letter:' .. ref)
  end
end
return gone
