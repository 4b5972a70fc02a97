-- Puts a task that reads the store into the queue of the active model, with the established read
-- marks in its header if it has a place for them.
--
-- Atomic, so that a switch comes either before the task or after it, and marks from before a restart
-- or a failover, which may lack the last changes, are never taken for current ones. And one round
-- trip: a search would wait for a second one.
--
-- Returns 1 if it was put there; 0 if another model is active.
--
-- @include common/read_marks/lua/_established.lua
local queue_key = KEYS[1] -- list: messages
local roles_key = KEYS[2] -- hash: the active model, and others
local marks_key = KEYS[3] -- hash: times by collection
local epochs_key = KEYS[4] -- hash: epochs by collection
local active = ARGV[1] -- the model whose queue it is; '' for none
local before = ARGV[2] -- the message up to the marks
local after = ARGV[3] -- the rest of it; '' if it has no place for marks

if (redis.call('HGET', roles_key, 'active') or '') ~= active then return 0 end
local as_of = ''
if after ~= '' then
  local epoch, found = established(marks_key, epochs_key)
  local times = {}
  for at = 1, #found, 2 do
    times[found[at]] = found[at + 1]
  end
  as_of = cjson.encode({epoch = epoch, times = times})
end
redis.call('LPUSH', queue_key, before .. as_of .. after)
return 1
