-- Renews the time to live of an accepted job. A job that is not accepted keeps the end that it
-- has, which keys that were created since then take over.
local function keep(job_key, job_keys, ttl_s)
  if redis.call('HEXISTS', job_key, 'accepted') == 0 then ttl_s = redis.call('TTL', job_key) end
  for _, key in ipairs(job_keys) do redis.call('EXPIRE', key, ttl_s) end
end
