-- Claim keys, in order; returns for each an empty list when it is had, else who has it: token, task, queue, since, ends_at, now.
--   KEYS[1] prefix   ARGV[2…] of each claim: key, token, task, milliseconds, queue, token whose place it may take ("*":
--   anybody's, "": nobody's)
--
-- Keys, after the prefix:
--   claim:<key>   hash   token, task, queue, since, ends_at (milliseconds since the epoch); without a queue it expires
--   claims        zset   key → since; what has expired is dropped when it is looked at

local P, call = KEYS[1], redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answers = {}
for i = 2, #ARGV, 6 do
  local key, token, task, ttl, queue, over = unpack(ARGV, i, i + 5)
  local claim = P .. 'claim:' .. key
  local held = call('HMGET', claim, 'token', 'task', 'queue', 'since', 'ends_at')
  if held[1] and held[1] ~= token and over ~= '*' and held[1] ~= over then
    held[6] = now
    answers[#answers + 1] = held
  else
    local since = string.format('%.0f', now)
    call('HSET', claim, 'token', token, 'task', task, 'queue', queue, 'since', since, 'ends_at', string.format('%.0f', now + ttl))
    if queue == '' then
      call('PEXPIRE', claim, ttl)
    else
      call('PERSIST', claim)
    end
    call('ZADD', P .. 'claims', since, key)
    answers[#answers + 1] = {}
  end
end
return answers
