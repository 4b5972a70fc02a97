-- Sets the time to live of a job's keys. An accepted job is kept until it has ended and ttl_s after
-- that: its tasks and their recovery need its record. A job that is not accepted keeps its time to
-- live, which is applied to keys created since.
local function keep(job_key, job_keys, ttl_s)
  local accepted, finished_at = unpack(redis.call('HMGET', job_key, 'accepted', 'finished_at'))
  if not accepted then ttl_s = redis.call('TTL', job_key) end
  for _, key in ipairs(job_keys) do
    if accepted and not finished_at then
      redis.call('PERSIST', key)
    else
      redis.call('EXPIRE', key, ttl_s)
    end
  end
end
