-- Puts a task that reads the store into its queue, with the established read marks in its header.
--
-- Atomic, so that marks from before a restart or a failover, which may lack the last changes, are
-- never taken for current ones. And one round trip: a search would wait for a second one.
--
-- Returns nothing.
--
-- @include common/read_marks/lua/_established.lua
local queue_key = KEYS[1] -- list: messages
local marks_key = KEYS[2] -- hash: times by collection
local epochs_key = KEYS[3] -- hash: epochs by collection
local before = ARGV[1] -- the message up to the marks
local after = ARGV[2] -- the rest of it

local epoch, found = established(marks_key, epochs_key)
local times = {}
for at = 1, #found, 2 do
  times[found[at]] = found[at + 1]
end
local as_of = cjson.encode({epoch = epoch, times = times})
redis.call('LPUSH', queue_key, before .. as_of .. after)
