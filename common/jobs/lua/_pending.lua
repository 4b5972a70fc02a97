-- Counts images of a job as pending, in total and for its tenant; a negative number subtracts.
-- Jobs that change indexed images have none: uploads do not wait for them. The audit counts those of a job that an earlier version accepted for its tenant.
local function count_pending(pending_key, open_key, job_key, job_id, number)
  if redis.call('HEXISTS', job_key, 'kind') == 1 then return end
  redis.call('INCRBY', pending_key, number)
  if redis.call('HEXISTS', open_key, job_id) == 0 then return end
  redis.call('HINCRBY', open_key, job_id, number)
  redis.call('HINCRBY', pending_key .. ':tenants', redis.call('HGET', job_key, 'tenant'), number)
end
