-- Releases the lease on an idempotency key, so that another request can have it.
--
-- One step, so that an owner whose lease has expired does not release that of the next owner.
-- Without a job the hash is empty then, and Redis deletes it.
--
-- Returns nothing.
local idempotency_key = KEYS[1] -- hash: owner and end of the lease, fingerprint, job, settled
local owner = ARGV[1]

if redis.call('HGET', idempotency_key, 'owner') == owner then
  redis.call('HDEL', idempotency_key, 'owner', 'until')
end
