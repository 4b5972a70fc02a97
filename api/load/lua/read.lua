-- Reads the backlogs, and a tenant's quota and its use.
--
-- Atomic, so that they are of the same moment; and a single command, because each upload waits for it.
--
-- Returns the pending images, those of the tenant, the quota, the counted rows and the grants. The
-- first four are nil if there are none.
local pending_key = KEYS[1] -- counter: the images of accepted jobs without an outcome
local tenants_key = KEYS[2] -- hash: the same by tenant
local max_key = KEYS[3] -- hash: the quotas by tenant
local counted_key = KEYS[4] -- hash: the numbers of rows by tenant
local granted_key = KEYS[5] -- sorted set: the tenant's granted ids by time
local tenant = ARGV[1]

return {
  redis.call('GET', pending_key),
  redis.call('HGET', tenants_key, tenant),
  redis.call('HGET', max_key, tenant),
  redis.call('HGET', counted_key, tenant),
  redis.call('ZCARD', granted_key),
}
