-- Take messages for a consumer, or put it down as waiting.
--   ARGV[2] consumer   [3] lease, seconds   [4] number of this fetch   [5] most messages
--   [6] "1" to be put down as waiting when there is nothing   [7] "1" when it may be put down already
--   [8] number of the settlement that left it to this claim to wake others, or ""   [9…] its queues
-- Returns {"", keys, tokens, messages, marks, revoked, lost} (see deliveries.lua), or {seconds until there may be something, or
-- "inf", lost} when nothing is there; `lost` has the consumers whose lease had ended and what was taken back of each.

local SOON = 20 -- seconds; what is due later is found by the looks of those who wait
local id, lease, number, limit = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local now = time()
local next_change = math.huge
local freed, later, lost = {}, {}, {}

-- Nobody knows whether what a lost consumer held was running. So the first time it becomes suspect, and a suspect is
-- charged with a crash only if it was marked as started.
local function take_back(consumer)
  write_though_full()
  local held = call('HGETALL', P .. 'held:' .. consumer)
  for i = 1, #held, 2 do
    local key = held[i]
    local fence, place, queue = parse(held[i + 1])
    local crashes, suspect, started = state_of(key)
    set_state(key, fence, crashes + suspect * started, 1, 0)
    call('ZADD', P .. 'ready:' .. queue, place, key)
    freed[queue] = (freed[queue] or 0) + 1
  end
  forget_consumer(consumer)
  if #held > 0 then
    lost[#lost + 1], lost[#lost + 2] = consumer, #held / 2
  end
end

local function take_back_lost()
  while true do
    local first = call('ZRANGE', P .. 'leases', 0, 0, 'WITHSCORES')
    if not first[1] then
      return
    end
    local left = first[2] - now
    if left > 0 then
      next_change = left
      return
    end
    take_back(first[1])
  end
end

-- The first `limit` of several queues, by place.
local function merge(queues)
  local found = {}
  for i = 1, #queues do
    local some = call('ZRANGE', P .. 'ready:' .. queues[i], 0, limit - 1, 'WITHSCORES')
    for j = 1, #some, 2 do
      found[#found + 1] = { some[j], some[j + 1], queues[i], tonumber(some[j + 1]) }
    end
  end
  table.sort(found, function(one, other) return one[4] < other[4] end)
  local keys, places, of, gone = {}, {}, {}, {}
  for i = 1, min(limit, #found) do
    local queue = found[i][3]
    keys[i], places[i], of[i] = found[i][1], found[i][2], queue
    gone[queue] = gone[queue] or {}
    gone[queue][#gone[queue] + 1] = keys[i]
  end
  for queue, members in pairs(gone) do
    spread('ZREM', P .. 'ready:' .. queue, members)
  end
  return keys, places, of
end

local function pop(queue)
  local popped = call('ZPOPMIN', P .. 'ready:' .. queue, limit)
  local keys, places, of = {}, {}, {}
  for i = 1, #popped / 2 do
    keys[i], places[i], of[i] = popped[2 * i - 1], popped[2 * i], queue
  end
  return keys, places, of
end

take_back_lost()

if ARGV[1] == '1' then
  local before = handed_out(id, number, now)
  if before then
    write_though_full()
    extend_lease(id, lease, now)
    return { '', before[1], before[2], before[3], before[4], before[5], lost }
  end
end

local queues = { unpack(ARGV, 9) }
for i = 1, #queues do
  local due, left = promote(queues[i], now)
  if due > 0 then
    freed[queues[i]] = (freed[queues[i]] or 0) + due
  end
  if left then
    next_change = min(next_change, left)
    later[#later + 1] = left < SOON and queues[i] or nil
  end
end

local keys, places, of
if #queues == 1 then
  keys, places, of = pop(queues[1])
else
  keys, places, of = merge(queues)
end

local reply
if #keys > 0 then
  extend_lease(id, lease, now)
  if ARGV[7] == '1' then
    for i = 1, #queues do
      call('ZREM', P .. 'waiting:' .. queues[i], id)
    end
    -- We may have been the one who knew what is due next.
    for i = 1, #later do
      wake(later[i], 1)
    end
  end
  local out = hand_out(id, number, keys, places, of, now)
  reply = { '', out[1], out[2], out[3], out[4], out[5], lost }
else
  if ARGV[6] == '1' then
    if ARGV[7] ~= '1' and call('EXISTS', P .. 'held:' .. id) == 0 then
      call('ZADD', P .. 'leases', 'XX', instant(now + IDLE), id) -- so that nobody need renew it
    end
    for i = 1, #queues do
      call('ZADD', P .. 'waiting:' .. queues[i], instant(now), id)
    end
  end
  reply = { tostring(next_change), lost }
end

if ARGV[8] ~= '' then
  local settled = match(call('HGET', P .. 'consumer:' .. id, 'settled') or '', '^%d+')
  if settled ~= ARGV[8] and call('ZSCORE', P .. 'leases', id) then
    call('HSET', P .. 'consumer:' .. id, 'ahead', ARGV[8]) -- it has yet to come, and wakes others itself
  end
  for i = 1, #queues do
    freed[queues[i]] = math.huge
  end
end

-- What came back or became due may be more than was taken here.
for queue, most in pairs(freed) do
  wake(queue, min(most, call('ZCARD', P .. 'ready:' .. queue)))
end
return reply
