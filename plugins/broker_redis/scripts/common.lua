-- What every script of the broker shares; it is put before each of them.
--
-- KEYS[1] is the prefix of all keys, such as "{kernelq}:"; its hash tag puts them all into one slot of a cluster.
-- ARGV[1] is "1" when the same call was sent before and its answer was lost, else "0".
--
--   messages           hash    key → packed message: what waits or is held; "" when it is in `longs`
--   longs              hash    key → packed message: those that go around Lua, where each kilobyte costs much. Only of
--                              keys that `messages` has, maybe one that has its own there: of a publishing it refused
--   ready:<queue>      zset    key → place
--   delayed:<queue>    zset    "<place>:<key>" → instant it is due, epoch seconds
--   held:<consumer>    hash    key → token: what a consumer holds
--   states             hash    key → "<fence> <crashes> <suspect> <started>": only of what was handed out and came back
--   leases             zset    consumer → instant its lease ends; of one that holds nothing and waits, about a day ahead
--   consumer:<id>      hash    lease: seconds; settled: "<number> <what was refused>" of its last settlement; ahead: number
--                              of one that was to come before a claim and did not
--   waiting:<queue>    zset    consumer → since when it waits for messages of the queue
--   queues             set     every queue that is known
--   letter:<ref>       hash    a dead letter: queue, key, reason, died_at, fence, priority, message
--   dead:<queue>       zset    ref → ref
--   place              string  the last tick given to a message
--   revoked            zset    task id → instant its mark ends, epoch seconds; marks that ended may be there still
--
-- For places see places.lua, which is put before this.
--
-- A token is "<fence>:<number>:<place>:<queue>"; `number` is the fetch that took the message. Whoever settles must
-- show the very token, so nothing else need be compared.

local IDLE = 86400 -- seconds for which a consumer that holds nothing is remembered
local P = KEYS[1]

local call = redis.call
local concat, format, match, min = table.concat, string.format, string.match, math.min

-- The server refuses, when its memory is full, the first write of a script that could need memory, but
-- nothing after a write that could not. Whatever ends, renews or hands out must pass.
local function write_though_full()
  call('DEL', P .. 'nothing')
end

local function time()
  local clock = call('TIME')
  return clock[1] + clock[2] / 1000000
end

local function instant(seconds)
  return format('%.6f', seconds)
end

-- One command for a list of any length: Lua hands no more than some 8000 values to a function.
local function spread(command, key, list)
  for i = 1, #list, 4000 do
    call(command, key, unpack(list, i, min(i + 3999, #list)))
  end
end

local function all_of(command, key, list)
  if #list <= 4000 then
    return call(command, key, unpack(list))
  end
  local found = {}
  for i = 1, #list, 4000 do
    local some = call(command, key, unpack(list, i, min(i + 3999, #list)))
    for j = 1, #some do
      found[i + j - 1] = some[j]
    end
  end
  return found
end

-- Let up to `number` consumers that wait for `queue` look for messages. Who is gone hears nothing and does not count.
local function wake(queue, number)
  while number > 0 do
    local id = call('ZPOPMAX', P .. 'waiting:' .. queue)[1]
    if not id then
      return
    end
    if call('PUBLISH', P .. 'wake:' .. id, '') > 0 then
      number = number - 1
    end
  end
end

-- The next `number` ticks are ours: those after the one returned.
local function take_ticks(number, now)
  local last = tonumber(call('GET', P .. 'place') or 0)
  local first = math.floor((now - EPOCH) * TICKS)
  if first < last then
    first = last
  end
  call('SET', P .. 'place', format('%.0f', first + number))
  return first
end

-- The messages of a call, as runs of equal queue, priority and eta, from ARGV[i] on:
--   number of messages, queue, priority, eta or "", then key and packed message of each.
-- Puts them at the end of `into`, five values each; returns where in ARGV the next thing is.
local function read_run(i, into)
  local number, queue, priority, eta = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  i = i + 4
  for _ = 1, number do
    local at = #into
    into[at + 1], into[at + 2], into[at + 3], into[at + 4], into[at + 5] = queue, priority, eta or false, ARGV[i], ARGV[i + 1]
    i = i + 2
  end
  return i
end

-- Those of `list` (see `read_run`) whose key neither waits nor is held, sorted into what is to be written: fields of
-- `messages`; entries of `ready` and `delayed`, by queue; and how many of each queue those who wait must hear of.
local function sort_new(list, keys, now)
  local known, seen, tick = all_of('HMGET', P .. 'messages', keys), {}, nil
  local fields, ready, delayed, news = {}, {}, {}, {}
  for n = 1, #keys do
    local key = keys[n]
    if not known[n] and not seen[key] then
      seen[key] = true
      tick = tick or take_ticks(#keys, now)
      local at, size = 5 * n - 4, #fields
      local queue, eta, message = list[at], list[at + 2], list[at + 4]
      local place = (9 - list[at + 1]) * BAND + tick + n
      fields[size + 1], fields[size + 2] = key, message
      if message == '' then
        call('HDEL', P .. 'longs', key) -- see publish_one.lua
      end
      local into, score, member = ready, place, key
      if eta and eta > now then
        into, score, member = delayed, eta, format('%.0f:', place) .. key
      end
      if into == ready then
        news[queue] = (news[queue] or 0) + 1
      end
      into[queue] = into[queue] or {}
      local entries = into[queue]
      size = #entries
      entries[size + 1], entries[size + 2] = score, member
    end
  end
  return fields, ready, delayed, news
end

-- Put entries of instant and member into what waits for later in a queue; whether one is now the first to be due. Then
-- one consumer must look, to learn when: of those who wait, somebody knows what is first, and looks in time.
local function delay(queue, entries)
  local set = P .. 'delayed:' .. queue
  local before = call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  spread('ZADD', set, entries)
  local after = call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  return not before or tonumber(after) < tonumber(before)
end

-- Let messages wait, but for those whose key waits or is held; `list` as `read_run` makes it. The first write, that of
-- ticks, is one that a full memory refuses: so all are accepted or none. Nobody is woken for what is ready in the
-- queues that are `looked` at next, if those are given.
local function publish(list, now, looked)
  local keys = {}
  for i = 4, #list, 5 do
    keys[#keys + 1] = list[i]
  end
  if #keys == 0 then
    return
  end
  local fields, ready, delayed, news = sort_new(list, keys, now)
  spread('HSET', P .. 'messages', fields)
  for queue, entries in pairs(ready) do
    spread('ZADD', P .. 'ready:' .. queue, entries)
    call('SADD', P .. 'queues', queue)
    if looked and looked[queue] then
      news[queue] = nil
    end
  end
  for queue, entries in pairs(delayed) do
    if delay(queue, entries) then
      news[queue] = (news[queue] or 0) + 1
    end
    call('SADD', P .. 'queues', queue)
  end
  for queue, number in pairs(news) do
    wake(queue, number)
  end
end

local function parse(token)
  local fence, place, queue = match(token, '^(%d+):%d+:(%d+):(.*)$')
  return tonumber(fence), place, queue
end

-- crashes, suspect, started
local function state_of(key)
  local state = call('HGET', P .. 'states', key)
  if not state then
    return 0, 0, 0
  end
  local crashes, suspect, started = match(state, '^%d+ (%d+) (%d) (%d)$')
  return tonumber(crashes), tonumber(suspect), tonumber(started)
end

local function set_state(key, fence, crashes, suspect, started)
  call('HSET', P .. 'states', key, concat({ fence, crashes, suspect, started }, ' '))
end

-- Let a message wait at its place again; it has left `held` already. How often it was handed out goes with it, and
-- no holder's mark that it began.
local function put_back(key, token, crashed)
  local fence, place, queue = parse(token)
  local crashes, suspect = state_of(key)
  set_state(key, fence, crashes + crashed, suspect, 0)
  call('ZADD', P .. 'ready:' .. queue, place, key)
  return queue
end

-- Forget messages that neither wait nor are held any more.
local function forget(keys)
  spread('HDEL', P .. 'messages', keys)
  for _, beside in ipairs({ 'longs', 'states' }) do
    if call('EXISTS', P .. beside) == 1 then
      spread('HDEL', P .. beside, keys)
    end
  end
end

local function forget_consumer(id)
  call('ZREM', P .. 'leases', id)
  call('DEL', P .. 'consumer:' .. id, P .. 'held:' .. id)
end

-- Begin the lease of a consumer, or begin it anew.
local function extend_lease(id, lease, now)
  if call('ZADD', P .. 'leases', instant(now + lease), id) == 1 then
    call('HSET', P .. 'consumer:' .. id, 'lease', lease)
  end
end

-- Make ready what is due in a queue, at most a thousand at once; how many, and seconds until the next or nil.
local function promote(queue, now)
  local delayed = P .. 'delayed:' .. queue
  local first = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if not first[1] then
    return 0
  end
  local left = first[2] - now
  if left > 0 then
    return 0, left
  end
  local due = call('ZRANGEBYSCORE', delayed, '-inf', instant(now), 'LIMIT', 0, 1000)
  local entries = {}
  for i = 1, #due do
    entries[2 * i - 1], entries[2 * i] = match(due[i], '^(%d+):(.*)$')
  end
  write_though_full()
  spread('ZADD', P .. 'ready:' .. queue, entries)
  spread('ZREM', delayed, due)
  return #due
end
