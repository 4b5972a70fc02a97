-- Marks an idempotency key as settled: its job was accepted, and later requests return that job.
--
-- Atomic, so that an owner that has lost the key to another request does not settle it.
--
-- Returns nothing.
local idempotency_key = KEYS[1] -- hash: owner and end of the lease, fingerprint, job, settled
local owner = ARGV[1]
local ttl_s = tonumber(ARGV[2])

if redis.call('HGET', idempotency_key, 'owner') ~= owner then return end
redis.call('HDEL', idempotency_key, 'owner', 'until')
redis.call('HSET', idempotency_key, 'settled', 1)
redis.call('EXPIRE', idempotency_key, ttl_s)
