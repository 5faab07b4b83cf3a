-- Carry out what is asked, in order. `change` is put before, see change.lua.
--   ARGV[2…] of each thing how many arguments, and those

local i = 2
while ARGV[i] do
  change({ unpack(ARGV, i + 1, i + ARGV[i]) })
  i = i + 1 + ARGV[i]
end
