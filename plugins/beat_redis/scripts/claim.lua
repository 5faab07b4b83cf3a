-- Move an entry's mark, if this is the leader and the mark stands where it was seen. The body of a function of `args`:
--   [1] prefix   [2] fence   [3] key of the entry   [4] where the mark was seen, or ""   [5] where it goes
--   [6] "1": something is sent   [7] "1": it is watched   [8] the message to keep, or ""
--   and args.again: true when this was sent before and its answer was lost
-- Returns 1 when done, 0 when the mark stands elsewhere, -1 when another leads.
--
-- Instants of occurrences are microseconds, as text. Keys, after the prefix, which names the namespace too:
--   beat          hash  holder, fence, ends_at (epoch seconds): who leads; version: grows with each change of entries
--   beat:entries  hash  name → definition, JSON
--   beat:marks    hash  key → "<instant> <count> <1: paused>"
--   beat:open     hash  "<instant> <key>" → "W", it is watched, or "-", and the packed message nobody knows the broker has

local call, P = redis.call, args[1]
local leader, clock = call('HMGET', P .. 'beat', 'fence', 'ends_at'), call('TIME')
if leader[1] ~= args[2] or tonumber(leader[2]) < clock[1] + clock[2] / 1000000 then
  return -1
end

local last, count, paused = string.match(call('HGET', P .. 'beat:marks', args[3]) or '', '^(%d+) (%d+) (%d)$')
if (last or '') ~= args[4] then
  return args.again and last == args[5] and 1 or 0
end
count = (count or 0) + args[6]
call('HSET', P .. 'beat:marks', args[3], args[5] .. ' ' .. string.format('%.0f', count) .. ' ' .. (paused or '0'))
if args[7] == '1' or args[8] ~= '' then
  call('HSET', P .. 'beat:open', args[5] .. ' ' .. args[3], (args[7] == '1' and 'W' or '-') .. args[8])
end
return 1
