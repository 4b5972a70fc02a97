-- Reads the marks that were established since Redis started.
--
-- Atomic, so that marks from before a restart, which may lack the last changes, are never taken for
-- current ones.
--
-- Returns the id of Redis's run, then collections and times in turns.
local marks_key = KEYS[1] -- hash: times by collection
local epochs_key = KEYS[2] -- hash: run ids by collection

local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local found = {run_id}
local epochs = redis.call('HGETALL', epochs_key)
for at = 1, #epochs, 2 do
  local time = redis.call('HGET', marks_key, epochs[at])
  if epochs[at + 1] == run_id and time then
    table.insert(found, epochs[at])
    table.insert(found, time)
  end
end
return found
