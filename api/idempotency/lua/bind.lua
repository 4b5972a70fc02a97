-- Binds an idempotency key to a request and its job.
--
-- Atomic, so that an owner that has lost the key to another request does not bind it.
--
-- Returns 1 if the key was bound, 0 if the owner has lost it.
local idempotency_key = KEYS[1] -- hash: owner and end of the lease, fingerprint, job, settled
local owner = ARGV[1]
local fingerprint = ARGV[2] -- of the request
local job_id = ARGV[3]
local ttl_s = tonumber(ARGV[4])

if redis.call('HGET', idempotency_key, 'owner') ~= owner then return 0 end
redis.call('HSET', idempotency_key, 'fingerprint', fingerprint, 'job', job_id)
redis.call('EXPIRE', idempotency_key, ttl_s)
return 1
