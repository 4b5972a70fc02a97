-- Renews the time to live of an accepted job's keys. A job that is not accepted keeps its time to
-- live, which is applied to keys created since.
local function keep(job_key, job_keys, ttl_s)
  if redis.call('HEXISTS', job_key, 'accepted') == 0 then ttl_s = redis.call('TTL', job_key) end
  for _, key in ipairs(job_keys) do redis.call('EXPIRE', key, ttl_s) end
end
