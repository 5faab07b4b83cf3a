-- Write down of deliveries that they begin to run.
--   ARGV[2] consumer   [3…] key and token of each

write_though_full()
for i = 3, #ARGV, 2 do
  if call('HGET', P .. 'held:' .. ARGV[2], ARGV[i]) == ARGV[i + 1] then
    local fence = parse(ARGV[i + 1])
    local crashes, suspect = state_of(ARGV[i])
    set_state(ARGV[i], fence, crashes, suspect, 1)
  end
end
