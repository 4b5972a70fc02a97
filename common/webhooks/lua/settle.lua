-- Records an attempt to deliver, and when the next one is due.
--
-- Atomic, so that a sender that lost its claim changes nothing.
--
-- Returns 1 if the sender held the claim, otherwise 0.
local delivery_key = KEYS[1] -- hash: the delivery
local due_key = KEYS[2] -- sorted set: the tenant's pending deliveries by when they are due
local turns_key = KEYS[3] -- sorted set: tenants by when one of their deliveries may be taken next
local job_id = ARGV[1]
local tenant = ARGV[2]
local token = ARGV[3] -- identifies the sender
local state = ARGV[4] -- the new state
local tries = tonumber(ARGV[5]) -- attempts since the first one, or since the last replay
local attempts = ARGV[6] -- the last attempts, as JSON
local due_at = ARGV[7] -- when to send it again; '' for never

if redis.call('HGET', delivery_key, 'claim') ~= token then return 0 end
redis.call('HDEL', delivery_key, 'claim')
redis.call('HSET', delivery_key, 'state', state, 'tries', tries, 'attempts', attempts)
if due_at == '' then
  redis.call('ZREM', due_key, job_id)
else
  redis.call('ZADD', due_key, due_at, job_id)
  redis.call('ZADD', turns_key, 'LT', due_at, tenant)
end
return 1
