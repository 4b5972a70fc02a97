-- Takes the delivery that has been due for the longest, of the tenant whose turn it is.
--
-- Atomic, so that two senders never hold the same delivery.
--
-- Returns the job's id and the delivery's hash, as alternating names and values; an empty list if
-- nothing is due.
local turns_key = KEYS[1] -- sorted set: tenants by when one of their deliveries may be taken next
local due_prefix = ARGV[1] -- prefix of a tenant's pending deliveries by when they are due
local job_prefix = ARGV[2] -- prefix of the key of a job
local now = tonumber(ARGV[3])
local held_until = tonumber(ARGV[4]) -- when it is due again unless the sender settles it
local token = ARGV[5] -- identifies the sender

while true do
  local tenant = redis.call('ZRANGEBYSCORE', turns_key, '-inf', now, 'LIMIT', 0, 1)[1]
  if not tenant then return {} end
  local due_key = due_prefix .. tenant
  local job_id = redis.call('ZRANGEBYSCORE', due_key, '-inf', now, 'LIMIT', 0, 1)[1]
  local delivery_key = job_prefix .. (job_id or '') .. ':delivery'
  local is_expired = job_id and redis.call('EXISTS', delivery_key) == 0
  if is_expired then
    redis.call('ZREM', due_key, job_id)
  elseif job_id then
    redis.call('ZADD', due_key, held_until, job_id)
    redis.call('HSET', delivery_key, 'claim', token)
  end
  local following = redis.call('ZRANGE', due_key, 0, 0, 'WITHSCORES')
  if following[1] then
    -- After those of other tenants that are due already.
    redis.call('ZADD', turns_key, math.max(now, tonumber(following[2])), tenant)
  else
    redis.call('ZREM', turns_key, tenant)
  end
  if job_id and not is_expired then
    return {job_id, unpack(redis.call('HGETALL', delivery_key))}
  end
end
