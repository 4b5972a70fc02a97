-- Leaves a delivery of the end of a job, if the job has a URL to be called or its tenant has one for
-- all jobs. A job that is not accepted is announced once it is.
local function announce(job_key, webhooks_prefix, tenant, job_id, now, ttl_s)
  local accepted, url = unpack(redis.call('HMGET', job_key, 'accepted', 'callback_url'))
  url = url or redis.call('HGET', webhooks_prefix .. 'defaults', tenant)
  if not accepted or not url then return end
  local delivery_key = job_key .. ':delivery'
  if redis.call('HSETNX', delivery_key, 'state', 'pending') == 0 then return end
  redis.call('HSET', delivery_key, 'tenant', tenant, 'url', url, 'created_at', now, 'since', now)
  redis.call('EXPIRE', delivery_key, ttl_s)
  local list_key = webhooks_prefix .. 'list:' .. tenant
  redis.call('ZADD', list_key, now, job_id)
  -- Older ones are still sent, but no longer listed.
  redis.call('ZREMRANGEBYRANK', list_key, 0, -10001)
  redis.call('EXPIRE', list_key, ttl_s)
  redis.call('ZADD', webhooks_prefix .. 'due:' .. tenant, now, job_id)
  redis.call('ZADD', webhooks_prefix .. 'turns', 'LT', now, tenant)
end
