-- Takes a lease on an idempotency key, or renews it if the owner already holds it.
--
-- Atomic, so that only one of several concurrent requests gets the key. A key that is not bound to
-- a job expires with its lease.
--
-- Returns 'granted', 'busy' (another request has the lease) or 'settled' (the job was accepted),
-- followed by the fingerprint and the job if the key is bound and not busy.
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
