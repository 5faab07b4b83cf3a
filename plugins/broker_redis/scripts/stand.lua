-- How every queue stands: name, ready, delayed, running, dead and since when its oldest ready message waits ("" for
-- none), six values each.

local now = time()
write_though_full()
local running, names = {}, {}

for _, consumer in ipairs(call('ZRANGE', P .. 'leases', 0, -1)) do
  for _, token in ipairs(call('HVALS', P .. 'held:' .. consumer)) do
    local _, _, queue = parse(token)
    running[queue] = (running[queue] or 0) + 1
  end
end
for _, queue in ipairs(call('SMEMBERS', P .. 'queues')) do
  names[queue] = true
end
for queue in pairs(running) do
  names[queue] = true
end

-- The first of each priority; of those the oldest.
local function oldest(ready)
  local first = math.huge
  for priority = 0, 9 do
    local lowest = priority * BAND
    local head = call('ZRANGEBYSCORE', ready, lowest, '(' .. format('%.0f', lowest + BAND), 'WITHSCORES', 'LIMIT', 0, 1)
    if head[2] then
      first = min(first, head[2] - lowest)
    end
  end
  return first < math.huge and instant(EPOCH + first / TICKS) or ''
end

local rows = {}
for queue in pairs(names) do
  local ready = P .. 'ready:' .. queue
  wake(queue, (promote(queue, now)))
  local due = call('ZCOUNT', P .. 'delayed:' .. queue, '-inf', instant(now))
  local row = { queue, call('ZCARD', ready) + due, call('ZCARD', P .. 'delayed:' .. queue) - due, running[queue] or 0,
    call('ZCARD', P .. 'dead:' .. queue), oldest(ready) }
  for i = 1, 6 do
    rows[#rows + 1] = row[i]
  end
end
return rows
