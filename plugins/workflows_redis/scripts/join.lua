-- What is known of a join, or nothing: state, record, size, failed, opened_at, places taken. For the keys see change.lua.
--   KEYS[1] prefix   ARGV[2] join

local known = redis.call('HMGET', KEYS[1] .. 'join:' .. ARGV[2], 'state', 'record', 'size', 'failed', 'opened_at', 'arrived')
if not known[1] then
  return false
end
known[6] = tonumber(known[6]) or redis.call('HLEN', KEYS[1] .. 'parts:' .. ARGV[2])
return known
