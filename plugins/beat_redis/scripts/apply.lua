-- Carry out what is asked, in order; `close` is put before, see close.lua.
--   ARGV[2…] of each thing four arguments

for i = 2, #ARGV, 4 do
  close({ unpack(ARGV, i, i + 3) })
end
