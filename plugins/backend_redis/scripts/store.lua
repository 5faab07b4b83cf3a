-- Store one outcome, unless what is stored may not be replaced; tells who waits. The body of a function of `args`:
--   args[1] key   [2] channel   [3] "1" for a SUCCESS, else "0"   [4] fence, 16 digits   [5] outcome, packed
--   [6] milliseconds to keep it, or nothing: for ever
-- Stored is the flag, the fence, and the outcome.

local key, flag, fence = args[1], args[3], args[4]
local value = flag .. fence .. args[5]

-- Most outcomes are the first of their task.
local is_first
if args[6] then
  is_first = redis.call('SET', key, value, 'PX', args[6], 'NX')
else
  is_first = redis.call('SET', key, value, 'NX')
end
if not is_first then
  local stored = redis.call('GETRANGE', key, 0, 16)
  if string.sub(stored, 1, 1) == '1' or tonumber(string.sub(stored, 2)) > tonumber(fence) then
    return
  end
  if args[6] then
    redis.call('SET', key, value, 'PX', args[6])
  else
    redis.call('SET', key, value)
  end
end
-- Who hears it need not read it, if it is not long: it is copied for each.
redis.call('PUBLISH', args[2], #value <= 8192 and value or '')
