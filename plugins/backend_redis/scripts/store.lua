-- Store one outcome, unless what is stored may not be replaced; tells who waits. The body of a function of `args`:
--   args[1] key, and the channel of those who wait   [2] what is stored: "1" for a SUCCESS, else "0"; the fence, 16 digits;
--   the outcome, packed   [3] milliseconds to keep it, or nothing: for ever

local key, value, ttl = args[1], args[2], args[3]

-- Most outcomes are the first of their task.
local is_first
if ttl then
  is_first = redis.call('SET', key, value, 'PX', ttl, 'NX')
else
  is_first = redis.call('SET', key, value, 'NX')
end
if not is_first then
  local stored = redis.call('GETRANGE', key, 0, 16)
  if string.sub(stored, 1, 1) == '1' or tonumber(string.sub(stored, 2)) > tonumber(string.sub(value, 2, 17)) then
    return
  end
  if ttl then
    redis.call('SET', key, value, 'PX', ttl)
  else
    redis.call('SET', key, value)
  end
end
-- Who hears it need not read it, if it is not long: it is copied for each.
redis.call('PUBLISH', key, #value <= 8192 and value or '')
