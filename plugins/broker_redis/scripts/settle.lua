-- Carry out the ends of attempts; nothing is done of one whose delivery the consumer does not hold under its token.
--   ARGV[2] consumer   [3] number of this settlement
--   number of queues that the consumer claims from right after this, and those: others need not be woken for what
--     follows there, for claim.lua, told this number, does that for what it leaves
--   number of groups of acks, and of each group:
--     how many acks, how many effects each has; of each effect which fragment, database, number of arguments;
--     then all keys, all tokens, and effect by effect the arguments of one ack after the other
--   then for every other transition:
--     key, token, verdict (A R P C D), delay in seconds, reason,
--     number of runs of successors, the runs (see `read_run`),
--     number of effects, and of each: which fragment, database, number of arguments, arguments
-- `fragments` are functions that stores brought, see engine_redis/contract.py. They come before this text.
-- Returns the positions of the refused ones, from 0: acks in groups first, then the others.

local id, number = ARGV[2], ARGV[3]
local consumer, held_by_me = P .. 'consumer:' .. id, P .. 'held:' .. id

if ARGV[1] == '1' then
  local done = call('HGET', consumer, 'settled')
  local before, refused = match(done or '', '^(%d+) (.*)$')
  if before == number then
    local again = {}
    for position in string.gmatch(refused, '%d+') do
      again[#again + 1] = tonumber(position)
    end
    return again
  end
end

local now = time()
local acked, refused, settled, position = {}, {}, {}, 0

-- What we hold of the keys in ARGV from `first` to `last`.
local function holds_of(first, last)
  local found = call('HMGET', held_by_me, unpack(ARGV, first, min(last, first + 3999)))
  for i = first + 4000, last, 4000 do
    for _, hold in ipairs(call('HMGET', held_by_me, unpack(ARGV, i, min(last, i + 3999)))) do
      found[#found + 1] = hold
    end
  end
  return found
end

-- The groups, each with its effects, where in ARGV their arguments begin, and which of its acks are refused.
local groups, i = {}, 6 + ARGV[4]
for g = 1, tonumber(ARGV[i - 1]) do
  local size, effects = tonumber(ARGV[i]), {}
  i = i + 2
  for e = 1, tonumber(ARGV[i - 1]) do
    effects[e] = { fragment = fragments[tonumber(ARGV[i])], db = ARGV[i + 1], width = tonumber(ARGV[i + 2]) }
    i = i + 3
  end
  local first = i
  local group = { size = size, effects = effects, args = first + 2 * size, refused = {} }
  local holds = holds_of(first, first + size - 1)
  for n = 1, size do
    local key = ARGV[first + n - 1]
    if holds[n] == ARGV[first + size + n - 1] and not settled[key] then
      settled[key] = true
      acked[#acked + 1] = key
    else
      group.refused[n] = true
      refused[#refused + 1] = position
    end
    position = position + 1
  end
  groups[g] = group
  i = group.args
  for _, effect in ipairs(effects) do
    i = i + size * effect.width
  end
end

-- Where the arguments of each of the others begin; what lies between is read when it is known to be accepted.
local keys, tokens, at = {}, {}, {}

local function skip_runs(i)
  local runs = tonumber(ARGV[i])
  i = i + 1
  for _ = 1, runs do
    i = i + 4 + 2 * ARGV[i]
  end
  return i
end

local function skip_effects(i)
  local effects = tonumber(ARGV[i])
  i = i + 1
  for _ = 1, effects do
    i = i + 3 + ARGV[i + 2]
  end
  return i
end

while ARGV[i] do
  local n = #keys + 1
  keys[n], tokens[n], at[n] = ARGV[i], ARGV[i + 1], i + 2
  i = skip_effects(skip_runs(i + 5))
end

local gone, forgotten = {}, acked
if #keys > 0 then
  local holds = all_of('HMGET', held_by_me, keys)
  for n = 1, #keys do
    if holds[n] == tokens[n] and not settled[keys[n]] then
      settled[keys[n]] = true
      gone[#gone + 1] = keys[n]
    else
      refused[#refused + 1] = position + n - 1
      at[n] = nil
    end
  end
end

if #gone + #acked == 0 then
  return refused
end
write_though_full()

-- Before all deliveries: should a fragment fail, they are all still held and settled again, one by one.
local successors, selected = {}, HOME

local function select_db(db)
  if db ~= selected then
    call('SELECT', db)
    selected = db
  end
end

local function keep(follow)
  for j = 1, follow and #follow or 0 do
    successors[#successors + 1] = follow[j]
  end
end

local function run_effects(i)
  for _ = 1, tonumber(ARGV[i]) do
    local fragment, db, size = fragments[tonumber(ARGV[i + 1])], ARGV[i + 2], tonumber(ARGV[i + 3])
    select_db(db)
    keep(fragment({ unpack(ARGV, i + 4, i + 3 + size) }))
    i = i + 3 + size
  end
end

for _, group in ipairs(groups) do
  local at = group.args
  for _, effect in ipairs(group.effects) do
    local fragment, width = effect.fragment, effect.width
    select_db(effect.db)
    for n = 1, group.size do
      if not group.refused[n] then
        keep(fragment({ unpack(ARGV, at, at + width - 1) }))
      end
      at = at + width
    end
  end
end
for n = 1, #keys do
  if at[n] then
    local j = at[n] + 4
    for _ = 1, tonumber(ARGV[j - 1]) do
      j = read_run(j, successors)
    end
    run_effects(j)
  end
end
select_db(HOME)

spread('HDEL', held_by_me, acked)
spread('HDEL', held_by_me, gone)

local freed = {}

local function free(queue)
  freed[queue] = (freed[queue] or 0) + 1
end

local function park(key, token, seconds)
  local fence, place, queue = parse(token)
  local crashes, suspect = state_of(key)
  set_state(key, fence, crashes, suspect, 0)
  if delay(queue, { instant(now + seconds), place .. ':' .. key }) then
    free(queue)
  end
end

local function bury(key, token, reason)
  local fence, place, queue = parse(token)
  local ref = format('%.0f', take_ticks(1, now) + 1)
  local message = call('HGET', P .. 'messages', key)
  if message == '' then
    message = call('HGET', P .. 'longs', key)
  end
  call('HSET', P .. 'letter:' .. ref, 'queue', queue, 'key', key, 'reason', reason, 'died_at', instant(now), 'fence', fence,
    'priority', 9 - math.floor(place / BAND), 'message', message or '')
  call('ZADD', P .. 'dead:' .. queue, ref, ref)
  call('SADD', P .. 'queues', queue)
  forgotten[#forgotten + 1] = key
end

for n = 1, #keys do
  if at[n] then
    local verdict, seconds, reason = ARGV[at[n]], tonumber(ARGV[at[n] + 1]), ARGV[at[n] + 2]
    if verdict == 'D' then
      bury(keys[n], tokens[n], reason)
    elseif verdict == 'P' and seconds > 0 then
      park(keys[n], tokens[n], seconds)
    elseif verdict == 'A' then
      forgotten[#forgotten + 1] = keys[n]
    else
      free(put_back(keys[n], tokens[n], verdict == 'C' and 1 or 0))
    end
  end
end

if #forgotten > 0 then
  forget(forgotten)
end

-- The queues that are looked at next; none if they were before this, as when the server did not know this script.
local next_looked = {}
if ARGV[4] ~= '0' and call('HGET', consumer, 'ahead') ~= number then
  for j = 5, 4 + ARGV[4] do
    next_looked[ARGV[j]] = true
  end
end

-- After all deliveries: a successor may bear the key of the message it follows.
publish(successors, now, next_looked)

for queue, most in pairs(freed) do
  wake(queue, most)
end
call('HSET', consumer, 'settled', number .. ' ' .. concat(refused, ','))
return refused
