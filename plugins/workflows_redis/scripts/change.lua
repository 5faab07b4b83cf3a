-- Carry out one thing that is asked of joins and kept values. The body of a function of `args`:
--   [1] what   [2] prefix   [3] join, or key of a value   and for
--   A, arrive:  [4] place   [5] part   [6] "1" of a member that failed, else "0"
--   K, keep:    [4] value   [5] milliseconds, or "": for ever
--   D, drop
--   O, open:    [4] size or ""   [5] record   the message: [6] queue   [7] priority   [8] eta or ""   [9] key   [10] packed
--   C, close:   [4] state   [5] milliseconds, or "": never forget it
--   R, reopen
--   G, forget
--   F, fire, if it waits
--   and args.again: true when this was sent before and its answer was lost
-- Returns nothing, or the message to publish: queue, priority, eta or false, key, packed.
--
-- Keys, after the prefix:
--   join:<id>      hash    state, record, opened_at; size, if it is known; failed: the place that failed first;
--                          queue, priority, eta, key, message: what it publishes, until it is done;
--                          arrived: how many parts there were, once it is done
--   parts:<id>     hash    place → part; not of a join that is done. Of one nobody opened there are parts and failures alone
--   failures:<id>  list    places of those that failed, as they came
--   joins:waiting  zset    join → instant it was opened, or opened again
--   joins:fired    zset    join → instant it fired, until it is closed
--   joins:early    zset    join nobody opened → instant its first part came
--   kept:<key>     string  a value

local call, what, P, id = redis.call, args[1], args[2], args[3]

if what == 'K' then
  if args[5] == '' then
    call('SET', P .. 'kept:' .. id, args[4])
  else
    call('SET', P .. 'kept:' .. id, args[4], 'PX', args[5])
  end
  return
elseif what == 'D' then
  call('UNLINK', P .. 'kept:' .. id)
  return
end

local join, parts, failures = P .. 'join:' .. id, P .. 'parts:' .. id, P .. 'failures:' .. id
local known = call('HMGET', join, 'state', 'size')
local state, size = known[1], known[2]

-- Most calls are arrivals, and most of those end here, after three commands however many members there are.
if what == 'A' then
  if state == 'done' then
    return
  end
  local place, has_failed = args[4], args[6] == '1'
  if call('HSETNX', parts, place, args[5]) == 0 then
    if state ~= 'fired' then
      return
    end
  else
    if has_failed then
      call('RPUSH', failures, place)
      if state then
        call('HSETNX', join, 'failed', place)
      end
    end
    if state == 'fired' then
      return
    elseif state == 'waiting' and not has_failed and not (size and call('HLEN', parts) >= tonumber(size)) then
      return
    end
  end
end

local function now()
  local clock = call('TIME')
  return string.format('%s.%06d', clock[1], clock[2])
end

local function expire(milliseconds)
  for _, key in ipairs({ join, parts, failures }) do
    call('PEXPIRE', key, milliseconds)
  end
end

local function forget()
  call('UNLINK', join, parts, failures)
  for _, set in ipairs({ 'joins:waiting', 'joins:fired', 'joins:early' }) do
    call('ZREM', P .. set, id)
  end
end

if what == 'A' then
  if not state then
    call('ZADD', P .. 'joins:early', 'NX', now(), id)
    return
  elseif state == 'failed' then
    local left = call('PTTL', join)
    if left >= 0 then -- this part may be the first, and must go with the others
      expire(left)
    end
    return
  end
elseif what == 'O' then
  local is_new, opens_at = not state, now()
  if is_new then
    call('HSET', join, 'state', 'waiting', 'record', args[5], 'opened_at', opens_at, 'queue', args[6], 'priority', args[7],
      'eta', args[8], 'key', args[9], 'message', args[10])
    call('ZREM', P .. 'joins:early', id)
    call('ZADD', P .. 'joins:waiting', opens_at, id)
    state = 'waiting'
    local failed = call('LINDEX', failures, 0)
    if failed then
      call('HSET', join, 'failed', failed)
    end
  end
  if args[4] ~= '' and not size then
    call('HSET', join, 'size', args[4])
    size = args[4]
  end
elseif what == 'G' then
  forget()
  return
elseif what == 'C' then
  if state ~= 'waiting' and state ~= 'fired' then
    return
  end
  -- First what a full memory does not refuse: nothing after it is refused either.
  call('ZREM', P .. 'joins:waiting', id)
  call('ZREM', P .. 'joins:fired', id)
  call('HSET', join, 'state', args[4])
  if args[4] == 'done' then
    call('HSET', join, 'arrived', call('HLEN', parts))
    call('HDEL', join, 'queue', 'priority', 'eta', 'key', 'message')
    call('UNLINK', parts, failures)
  end
  if args[5] ~= '' then
    expire(args[5]) -- none left: they go at once
  end
  return
elseif what == 'R' and state == 'failed' then
  local places = call('LRANGE', failures, 0, -1)
  for i = 1, #places, 4000 do -- Lua hands no more than some 8000 values to a function
    call('HDEL', parts, unpack(places, i, math.min(i + 3999, #places)))
  end
  call('UNLINK', failures)
  call('HDEL', join, 'failed')
  call('HSET', join, 'state', 'waiting')
  call('PERSIST', join)
  call('PERSIST', parts)
  call('ZADD', P .. 'joins:waiting', now(), id)
  state = 'waiting'
end

-- What was opened or waits again may have all its parts, or a failed one.
if state == 'waiting' and (what == 'O' or what == 'R') then
  if call('EXISTS', failures) == 0 and not (size and call('HLEN', parts) >= tonumber(size)) then
    return
  end
elseif state ~= 'waiting' and not (state == 'fired' and (what == 'A' or args.again)) then
  return
end

if state == 'waiting' then
  call('ZREM', P .. 'joins:waiting', id)
  call('HSET', join, 'state', 'fired')
  call('ZADD', P .. 'joins:fired', now(), id)
end
local message = call('HMGET', join, 'queue', 'priority', 'eta', 'key', 'message')
return { message[1], tonumber(message[2]), tonumber(message[3]) or false, message[4], message[5] }
