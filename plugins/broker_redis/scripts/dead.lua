-- The newest dead letters, each as ref, queue, reason, instant of death, message.
--   ARGV[2] most   [3] queue, or nothing for all

local most = tonumber(ARGV[2])
local queues = ARGV[3] and { ARGV[3] } or call('SMEMBERS', P .. 'queues')
local refs = {}
for _, queue in ipairs(queues) do
  for _, ref in ipairs(call('ZREVRANGE', P .. 'dead:' .. queue, 0, most - 1)) do
    refs[#refs + 1] = ref
  end
end
table.sort(refs, function(one, other) return tonumber(one) > tonumber(other) end)
local letters = {}
for i = 1, min(most, #refs) do
  local letter = call('HMGET', P .. 'letter:' .. refs[i], 'queue', 'reason', 'died_at', 'message')
  letters[i] = { refs[i], unpack(letter) }
end
return letters
