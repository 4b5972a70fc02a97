-- Counts images of a job as pending, in total and for its tenant; a negative number subtracts.
local function count_pending(pending_key, job_key, number)
  redis.call('INCRBY', pending_key, number)
  redis.call('HINCRBY', pending_key .. ':tenants', redis.call('HGET', job_key, 'tenant'), number)
end
