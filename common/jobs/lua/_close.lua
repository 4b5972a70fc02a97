-- Removes what Redis keeps of a job only while it is open.
local function close(job_key, ids_key, additions_key, names_prefix, job_id)
  redis.call('ZREM', additions_key, job_id)
  redis.call('DEL', ids_key)
  local tenant, name = unpack(redis.call('HMGET', job_key, 'tenant', 'name'))
  if name and redis.call('HGET', names_prefix .. tenant, name) == job_id then
    redis.call('HDEL', names_prefix .. tenant, name)
  end
end
