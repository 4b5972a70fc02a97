-- Reads the marks that were established since this Redis started or became the primary.
--
-- Atomic, so that marks from before a restart or a failover, which may lack the last changes, are
-- never taken for current ones.
--
-- Returns the epoch, then collections and times in turns. The epoch is the id of Redis's run and that
-- of its replication: a restart changes the first, a promotion the second. A replica has the latter
-- of its primary, so neither is enough.
local marks_key = KEYS[1] -- hash: times by collection
local epochs_key = KEYS[2] -- hash: epochs by collection

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local epoch = run .. '.' .. (replication or '')
local found = {epoch}
local epochs = redis.call('HGETALL', epochs_key)
for at = 1, #epochs, 2 do
  local time = redis.call('HGET', marks_key, epochs[at])
  if epochs[at + 1] == epoch and time then
    table.insert(found, epochs[at])
    table.insert(found, time)
  end
end
return found
