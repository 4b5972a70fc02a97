-- Finishes a job if it no longer grows and all of its images have an outcome. This raises the read
-- mark of its collection, so that whoever reads that the job has ended finds its images, and leaves
-- the delivery of its webhook. Include common/jobs/lua/_mark.lua and common/webhooks/lua/_announce.lua
-- first.
local function finish_if_done(
  job_key, unfinished_key, open_key, marks_key, queued_prefix, webhooks_prefix, job_id, now, ttl_s)
  local total, done, tenant = unpack(redis.call('HMGET', job_key, 'total', 'done', 'tenant'))
  local is_growing = redis.call('HEXISTS', job_key, 'growing') == 1
  if is_growing or tonumber(done or 0) < tonumber(total) then return end
  redis.call('HSETNX', job_key, 'finished_at', now)
  redis.call('ZREM', unfinished_key, job_id)
  redis.call('ZREM', queued_prefix .. tenant, job_id)
  redis.call('HDEL', open_key, job_id)
  raise_mark(job_key, marks_key)
  announce(job_key, webhooks_prefix, tenant, job_id, now, ttl_s)
end
