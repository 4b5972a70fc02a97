-- Sets the count of a tenant's rows, and drops grants.
--
-- Atomic, so that nothing is corrected that was settled since the rows were counted.
--
-- Returns 1 if the count was set, 0 if the tenant's use has changed.
local max_key = KEYS[1] -- hash: the quotas by tenant
local counted_key = KEYS[2] -- hash: the numbers of rows by tenant
local granted_key = KEYS[3] -- sorted set: the tenant's granted ids by time
local tenant = ARGV[1]
local images_max = ARGV[2] -- as before the rows were counted; so are the next two
local counted_before = ARGV[3] -- '' for no count
local granted_before = tonumber(ARGV[4])
local counted = ARGV[5]
local settled = cjson.decode(ARGV[6]) -- grants to drop

if redis.call('HGET', max_key, tenant) ~= images_max
  or (redis.call('HGET', counted_key, tenant) or '') ~= counted_before
  or redis.call('ZCARD', granted_key) ~= granted_before then
  return 0
end
redis.call('HSET', counted_key, tenant, counted)
for _, id in ipairs(settled) do redis.call('ZREM', granted_key, id) end
return 1
