-- Put, remove or pause an entry; 1 if that was done. For the keys see claim.lua.
--   KEYS[1] prefix   ARGV[2] what, and for
--   put     [3] name   [4] definition   [5] "1": there must be none, else there must be one
--   remove  [3] key of the entry   [4] its name in the store, or ""
--   pause   [3] key of the entry   [4] "1": pause, "0": resume   [5] now

local call, P, what, key = redis.call, KEYS[1], ARGV[2], ARGV[3]
local entries, marks, open = P .. 'beat:entries', P .. 'beat:marks', P .. 'beat:open'
local done = 1

if what == 'put' then
  if tostring(1 - call('HEXISTS', entries, key)) ~= ARGV[5] then
    return 0
  end
  call('HSET', entries, key, ARGV[4])
elseif what == 'remove' then
  done = call('HDEL', marks, key)
  if ARGV[4] ~= '' then
    done = math.max(done, call('HDEL', entries, ARGV[4]))
  end
  for _, field in ipairs(call('HKEYS', open)) do
    if string.match(field, '^%d+ (.*)$') == key then
      call('HDEL', open, field)
    end
  end
else
  local last, count, paused = string.match(call('HGET', marks, key) or '', '^(%d+) (%d+) (%d)$')
  if not last or (paused == '1' and ARGV[4] == '0' and tonumber(last) < tonumber(ARGV[5])) then
    last = ARGV[5]
  end
  call('HSET', marks, key, last .. ' ' .. (count or '0') .. ' ' .. ARGV[4])
end
call('HINCRBY', P .. 'beat', 'version', 1)
return done
