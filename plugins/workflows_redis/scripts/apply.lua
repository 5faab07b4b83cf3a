-- Carry out what is asked, in order; return the packed messages to publish. `change` is put before, see change.lua.
--   ARGV[1] "1": it was sent before   [2…] of each thing how many arguments, and those

local messages, i = {}, 2
while ARGV[i] do
  local args = { unpack(ARGV, i + 1, i + ARGV[i]) }
  args.again = ARGV[1] == '1'
  local message = change(args)
  if message then
    messages[#messages + 1] = message[5]
  end
  i = i + 1 + ARGV[i]
end
return messages
