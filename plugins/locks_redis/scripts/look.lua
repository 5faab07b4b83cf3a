-- Who holds keys: of each key, token, task, queue, since, ends_at, now; free keys are left out. For the keys see claim.lua.
--   KEYS[1] prefix   ARGV[2] "keys", and then those, or "oldest", and [3] how many

local P, call = KEYS[1], redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local found = {}

local function look(key)
  local held = call('HMGET', P .. 'claim:' .. key, 'token', 'task', 'queue', 'since', 'ends_at')
  if held[1] then
    found[#found + 1] = { key, held[1], held[2], held[3], held[4], held[5], now }
    return true
  end
  return false
end

if ARGV[2] == 'keys' then
  for i = 3, #ARGV do
    look(ARGV[i])
  end
  return found
end

local from, limit = 0, tonumber(ARGV[3])
while #found < limit do
  local keys = call('ZRANGE', P .. 'claims', from, from + 999)
  if #keys == 0 then
    break
  end
  for _, key in ipairs(keys) do
    if #found < limit and look(key) then
      from = from + 1
    elseif #found < limit then
      call('ZREM', P .. 'claims', key)
    end
  end
end
return found
