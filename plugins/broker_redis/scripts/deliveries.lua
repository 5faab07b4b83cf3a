-- What scripts that hand out share: a reply of {keys, tokens, messages, marks}. A message that is "" is to be asked for
-- in `longs`; marks has, for each message that came back before, its position, crashes and suspicion.

-- Hand out `keys`, which have left where they waited, to the consumer; `places` and `queues` are theirs.
local function hand_out(id, number, keys, places, queues)
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
  return { keys, tokens, all_of('HMGET', P .. 'messages', keys), marks }
end

-- What the fetch `number` took, when it was carried out before and only its answer was lost; nil when it was not.
local function handed_out(id, number)
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
  return { keys, tokens, all_of('HMGET', P .. 'messages', keys), marks }
end
