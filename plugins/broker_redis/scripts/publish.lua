-- Accept messages, all or none. Those that are "" follow in the same transaction, into `longs`.
--   ARGV[2…]  runs of messages, see `read_run`

local list, i = {}, 2
while ARGV[i] do
  i = read_run(i, list)
end
publish(list, time())
