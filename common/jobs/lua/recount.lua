-- Recomputes the numbers of pending images, in total and by tenant, from the unfinished jobs, and
-- removes jobs whose records have expired.
--
-- Atomic, so that no outcome is recorded between computing the sum and writing it.
--
-- Returns nothing.
local unfinished_key = KEYS[1] -- sorted set: the unfinished jobs
local pending_key = KEYS[2] -- counter: the images of accepted jobs without an outcome
local job_prefix = ARGV[1] -- prefix of the key of a job's hash

local sum, by_tenant = 0, {}
for _, job_id in ipairs(redis.call('ZRANGE', unfinished_key, 0, -1)) do
  local total, done, tenant =
    unpack(redis.call('HMGET', job_prefix .. job_id, 'total', 'done', 'tenant'))
  if total then
    local pending = total - (done or 0)
    sum = sum + pending
    by_tenant[tenant] = (by_tenant[tenant] or 0) + pending
  else
    redis.call('ZREM', unfinished_key, job_id)
  end
end
redis.call('SET', pending_key, sum)
redis.call('DEL', pending_key .. ':tenants')
for tenant, pending in pairs(by_tenant) do
  redis.call('HSET', pending_key .. ':tenants', tenant, pending)
end
