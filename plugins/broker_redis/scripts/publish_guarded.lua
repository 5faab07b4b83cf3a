-- Accept messages, all or none, if a store's guard answers 1; what it answered. See `Guard` in engine_redis/contract.py.
--   ARGV[2] database of the guard   [3] number of its arguments, and those   then runs of messages, see `read_run`
-- `guard` and HOME, the broker's database, come before this text.

local width = tonumber(ARGV[3])
if ARGV[2] ~= HOME then
  call('SELECT', ARGV[2])
end
local answer = guard({ unpack(ARGV, 4, 3 + width) })
if ARGV[2] ~= HOME then
  call('SELECT', HOME)
end
if answer ~= 1 then
  return answer
end

local list, i = {}, 4 + width
while ARGV[i] do
  i = read_run(i, list)
end
if #list > 0 then
  publish(list, time())
end
return answer
