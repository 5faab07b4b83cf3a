-- All that is known, read at one moment: version, entries, marks, open. For the keys see claim.lua.
--   KEYS[1] prefix

local call, P = redis.call, KEYS[1]
return {
  call('HGET', P .. 'beat', 'version'),
  call('HGETALL', P .. 'beat:entries'),
  call('HGETALL', P .. 'beat:marks'),
  call('HGETALL', P .. 'beat:open'),
}
