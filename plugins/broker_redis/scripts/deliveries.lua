-- What scripts that hand out share: a reply of {keys, tokens, messages, marks, revoked}. A message that is "" is to be asked
-- for in `longs`; marks has, for each message that came back before, its position, crashes and suspicion; revoked has, for
-- each that may be one of a revoked task, its position and that task's id: it is one if the message has the very id.

-- See `revoked` above. A key is the task's id, or "<id>:<replaced>:<retries>".
local function revoked_among(keys, now)
  local revoked = {}
  if call('EXISTS', P .. 'revoked') == 0 then
    return revoked
  end
  local ids, of = {}, {}
  for i = 1, #keys do
    ids[#ids + 1], of[#of + 1] = keys[i], i - 1
    local first = match(keys[i], '^(.*):%d+:%d+$')
    if first then
      ids[#ids + 1], of[#of + 1] = first, i - 1
    end
  end
  local ends = all_of('ZMSCORE', P .. 'revoked', ids)
  for n = 1, #ids do
    if ends[n] and tonumber(ends[n]) > now then
      revoked[#revoked + 1], revoked[#revoked + 2] = of[n], ids[n]
    end
  end
  return revoked
end

-- Hand out `keys`, which have left where they waited, to the consumer; `places` and `queues` are theirs.
local function hand_out(id, number, keys, places, queues, now)
  local tokens, held, marks = {}, {}, {}
  local states = call('EXISTS', P .. 'states') == 1 and all_of('HMGET', P .. 'states', keys)
  for i = 1, #keys do
    local fence = 1
    if states and states[i] then
      local before, crashes, suspect = match(states[i], '^(%d+) (%d+) (%d)')
      fence = before + 1
      local at = #marks
      marks[at + 1], marks[at + 2], marks[at + 3] = i - 1, tonumber(crashes), tonumber(suspect)
    end
    local token = fence .. ':' .. number .. ':' .. places[i] .. ':' .. queues[i]
    tokens[i] = token
    held[2 * i - 1], held[2 * i] = keys[i], token
  end
  spread('HSET', P .. 'held:' .. id, held)
  return { keys, tokens, all_of('HMGET', P .. 'messages', keys), marks, revoked_among(keys, now) }
end

-- What the fetch `number` took, when it was carried out before and only its answer was lost; nil when it was not.
local function handed_out(id, number, now)
  local held = call('HGETALL', P .. 'held:' .. id)
  local found = {}
  for i = 1, #held, 2 do
    local taken_by, place = match(held[i + 1], '^%d+:(%d+):(%d+):')
    if taken_by == number then
      found[#found + 1] = { held[i], held[i + 1], tonumber(place) }
    end
  end
  if #found == 0 then
    return nil
  end
  table.sort(found, function(one, other) return one[3] < other[3] end)
  local keys, tokens, marks = {}, {}, {}
  for i = 1, #found do
    keys[i], tokens[i] = found[i][1], found[i][2]
    local crashes, suspect = state_of(keys[i])
    local at = #marks
    marks[at + 1], marks[at + 2], marks[at + 3] = i - 1, crashes, suspect
  end
  return { keys, tokens, all_of('HMGET', P .. 'messages', keys), marks, revoked_among(keys, now) }
end
