-- Returns the epoch, and a list of the collections and times, in turns, of the marks that were
-- established in it.
--
-- The epoch is the id of Redis's run and that of its replication: a restart changes the first, a
-- promotion the second. A replica has the latter of its primary, so neither is enough.
local function established(marks_key, epochs_key)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  local epoch = run .. '.' .. (replication or '')
  local found = {}
  local epochs = redis.call('HGETALL', epochs_key)
  for at = 1, #epochs, 2 do
    local time = redis.call('HGET', marks_key, epochs[at])
    if epochs[at + 1] == epoch and time then
      table.insert(found, epochs[at])
      table.insert(found, time)
    end
  end
  return epoch, found
end
