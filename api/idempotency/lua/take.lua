-- Takes a lease on an idempotency key, or renews the owner's.
--
-- One step, so that of several requests with the same key one gets it. A key that is bound to no
-- job yet expires with its lease.
--
-- Returns 'granted', 'busy' (another request has the lease) or 'settled' (its job was accepted);
-- after 'granted' and 'settled', if the key is bound, its fingerprint and job follow.
--
-- @include common/lua/_now.lua
local idempotency_key = KEYS[1] -- hash: owner and end of the lease, fingerprint, job, settled
local owner = ARGV[1]
local lease_ms = tonumber(ARGV[2])

local now = now_ms()
local holder, ends_at, fingerprint, job_id, settled = unpack(
  redis.call('HMGET', idempotency_key, 'owner', 'until', 'fingerprint', 'job', 'settled')
)
if settled then return {'settled', fingerprint, job_id} end
if holder and holder ~= owner and tonumber(ends_at) > now then return {'busy'} end
redis.call('HSET', idempotency_key, 'owner', owner, 'until', now + lease_ms)
if job_id then return {'granted', fingerprint, job_id} end
redis.call('PEXPIRE', idempotency_key, lease_ms)
return {'granted'}
