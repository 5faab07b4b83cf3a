-- Mark tasks as revoked, and make ready what of them waits for its eta.
--   ARGV[2] seconds the marks last   [3…] ids of the tasks
-- Returns {positions, sought}, from 0: of the ids whose message waits, and of those among them that wait somewhere else than
-- the message says, in the queue of another time or behind many of the same time: hasten.lua is to look for them.

local SAME = 100 -- most messages of one instant that are looked through here
local LONG = 16384 -- bytes of a message that is not read here for where it waits
local now, freed = time(), {}

-- Where a message waits if nobody moved it: queue, and eta or nil; nothing if it had better not be read. A message is a
-- map of its fields in the order of kernel/message.py, without those that have their defaults.
local function destination(id)
  local size = call('HSTRLEN', P .. 'messages', id)
  if size == 0 or size > LONG then
    return nil
  end
  local raw = call('HGET', P .. 'messages', id)
  local byte, fields, at, queue, eta = string.byte, string.byte(raw), 1, 'default', nil
  if fields == 0xde then
    fields, at = 0x80 + 256 * byte(raw, 2) + byte(raw, 3), 3
  end
  pcall(function() -- bytes that are no message end it
    for _ = 0x81, fields do
      local name, value, kind
      at, name = cmsgpack.unpack_one(raw, at)
      kind = byte(raw, at + 1)
      if kind >= 0xc4 and kind <= 0xc6 then -- the body: a string of bytes, which cmsgpack does not know
        local width, length = 2 ^ (kind - 0xc4), 0
        for i = at + 2, at + 1 + width do
          length = 256 * length + byte(raw, i)
        end
        at = at + 1 + width + length
      else
        at, value = cmsgpack.unpack_one(raw, at)
        queue = name == 'queue' and value or queue
        if name == 'eta' then
          eta = value
          return
        end
      end
    end
  end)
  eta = tonumber(eta)
  return tostring(queue), eta == eta and eta or nil -- not a number is no time
end

-- Whether it waits for its eta, and no longer does.
local function is_hastened(queue, eta, id)
  local set, instant = P .. 'delayed:' .. queue, format('%.17g', eta)
  if call('ZCOUNT', set, instant, instant) > SAME then
    return false
  end
  for _, member in ipairs(call('ZRANGEBYSCORE', set, instant, instant)) do
    local place, key = match(member, '^(%d+):(.*)$')
    if key == id then
      call('ZREM', set, member)
      call('ZADD', P .. 'ready:' .. queue, place, id)
      freed[queue] = (freed[queue] or 0) + 1
      return true
    end
  end
  return false
end

write_though_full() -- what ends tasks makes room
call('ZREMRANGEBYSCORE', P .. 'revoked', '-inf', instant(now))
local marks, ends_at = {}, instant(now + ARGV[2])
for i = 3, #ARGV do
  marks[2 * i - 5], marks[2 * i - 4] = ends_at, ARGV[i]
end
spread('ZADD', P .. 'revoked', marks)

local waiting, sought, rest = {}, {}, {}
for i = 3, #ARGV do
  local id = ARGV[i]
  if call('HEXISTS', P .. 'messages', id) == 1 then
    local queue, eta = destination(id)
    if queue and (call('ZSCORE', P .. 'ready:' .. queue, id) or eta and is_hastened(queue, eta, id)) then
      waiting[#waiting + 1] = i - 3
    else
      rest[#rest + 1] = i
    end
  end
end

-- Of the others those wait that nobody holds.
local function drop_held(consumer)
  local ids, left = {}, {}
  for n = 1, #rest do
    ids[n] = ARGV[rest[n]]
  end
  local tokens = all_of('HMGET', P .. 'held:' .. consumer, ids)
  for n = 1, #rest do
    if not tokens[n] then
      left[#left + 1] = rest[n]
    end
  end
  rest = left
end

if #rest > 0 then
  for _, consumer in ipairs(call('ZRANGE', P .. 'leases', 0, -1)) do
    if #rest > 0 then
      drop_held(consumer)
    end
  end
end
for n = 1, #rest do
  waiting[#waiting + 1], sought[n] = rest[n] - 3, rest[n] - 3
end
for queue, most in pairs(freed) do
  wake(queue, most)
end
return { waiting, sought }
