-- Makes a delivery due now, unless a sender holds it.
--
-- Atomic, so that a delivery that is being sent is not sent a second time meanwhile.
--
-- Returns 1, or 0 if the tenant has no such delivery.
local delivery_key = KEYS[1] -- hash: the delivery
local due_key = KEYS[2] -- sorted set: the tenant's pending deliveries by when they are due
local turns_key = KEYS[3] -- sorted set: tenants by when one of their deliveries may be taken next
local job_id = ARGV[1]
local tenant = ARGV[2]
local now = tonumber(ARGV[3])

if redis.call('HGET', delivery_key, 'tenant') ~= tenant then return 0 end
local due_at = tonumber(redis.call('ZSCORE', due_key, job_id) or 0)
local is_held = redis.call('HEXISTS', delivery_key, 'claim') == 1 and due_at > now
if is_held then return 1 end
redis.call('HDEL', delivery_key, 'claim', 'tries')
redis.call('HSET', delivery_key, 'state', 'pending', 'since', now)
redis.call('ZADD', due_key, now, job_id)
redis.call('ZADD', turns_key, 'LT', now, tenant)
return 1
