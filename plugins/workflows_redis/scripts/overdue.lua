-- Fire what waits for too long, forget parts nobody asked for, and return the packed messages of joins that fired long
-- ago or now: at most a thousand, oldest first. `change` is put before; for the keys see change.lua.
--   KEYS[1] prefix   ARGV[2] seconds since a join fired   [3] seconds since it waits

local P, call, MOST = KEYS[1], redis.call, 1000
local clock = call('TIME')
local now = clock[1] + clock[2] / 1000000

-- Join and instant, one after the other.
local function since(set, seconds)
  return call('ZRANGEBYSCORE', P .. set, '-inf', string.format('%.6f', now - seconds), 'WITHSCORES', 'LIMIT', 0, MOST)
end

local early = since('joins:early', ARGV[3])
for i = 1, #early, 2 do
  call('UNLINK', P .. 'parts:' .. early[i], P .. 'failures:' .. early[i])
  call('ZREM', P .. 'joins:early', early[i])
end

local overdue = {}
for _, found in ipairs({ since('joins:fired', ARGV[2]), since('joins:waiting', ARGV[3]) }) do
  for i = 1, #found, 2 do
    overdue[#overdue + 1] = { found[i], tonumber(found[i + 1]) }
  end
end
table.sort(overdue, function(one, other) return one[2] < other[2] end)

local messages = {}
for i = 1, math.min(#overdue, MOST) do
  local message = change({ 'F', P, overdue[i][1], again = true })
  if message then
    messages[#messages + 1] = message[5]
  else -- somebody deleted its key
    call('ZREM', P .. 'joins:fired', overdue[i][1])
    call('ZREM', P .. 'joins:waiting', overdue[i][1])
  end
end
return messages
