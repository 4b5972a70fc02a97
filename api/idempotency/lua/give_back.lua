-- Releases the lease on an idempotency key, so that another request can take it.
--
-- Atomic, so that an owner whose lease has expired does not release the next owner's lease. If the
-- key has no job, the hash is then empty, and Redis deletes it.
--
-- Returns nothing.
local idempotency_key = KEYS[1] -- hash: owner and end of the lease, fingerprint, job, settled
local owner = ARGV[1]

if redis.call('HGET', idempotency_key, 'owner') == owner then
  redis.call('HDEL', idempotency_key, 'owner', 'until')
end
