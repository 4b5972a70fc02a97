-- Counts images of a job as pending, in total and for its tenant; a negative number subtracts.
-- The audit counts those of a job that an earlier version accepted for its tenant.
local function count_pending(pending_key, open_key, job_key, job_id, number)
  redis.call('INCRBY', pending_key, number)
  if redis.call('HEXISTS', open_key, job_id) == 0 then return end
  redis.call('HINCRBY', open_key, job_id, number)
  redis.call('HINCRBY', pending_key .. ':tenants', redis.call('HGET', job_key, 'tenant'), number)
end
