-- Lease to a consumer, under new fences, all that another one holds.
--   ARGV[2] consumer   [3] lease, seconds   [4] number of this fetch   [5] the other one
-- Returns {keys, tokens, messages, marks, revoked}, see deliveries.lua.

local id, lease, number, other = ARGV[2], ARGV[3], ARGV[4], ARGV[5]

write_though_full()
local now = time()
extend_lease(id, lease, now)
local held = call('HGETALL', P .. 'held:' .. other)
local entries = {}
for i = 1, #held, 2 do
  local fence, place, queue = parse(held[i + 1])
  local crashes, suspect = state_of(held[i])
  -- Handing out counts on from here; and the mark that it began was the other one's.
  set_state(held[i], fence, crashes, suspect, 0)
  entries[#entries + 1] = { held[i], place, queue, tonumber(place) }
end
forget_consumer(other)
table.sort(entries, function(one, another) return one[4] < another[4] end)
local keys, places, queues = {}, {}, {}
for i = 1, #entries do
  keys[i], places[i], queues[i] = entries[i][1], entries[i][2], entries[i][3]
end
if #keys > 0 then
  local out = hand_out(id, number, keys, places, queues, now)
  if ARGV[1] ~= '1' then
    return out
  end
end
-- Sent before, or the fetch before it was: what that one took is taken too.
return ARGV[1] == '1' and handed_out(id, number, now) or { {}, {}, {}, {}, {} }
