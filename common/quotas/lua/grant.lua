-- Grants images to a tenant, in their order, until its quota is full.
--
-- Atomic, so that concurrent workers together grant no more than the quota, and an image that is
-- granted again counts once.
--
-- Returns the granted ids; all if the tenant has no quota.
local max_key = KEYS[1] -- hash: the quotas by tenant
local counted_key = KEYS[2] -- hash: the numbers of rows by tenant
local granted_key = KEYS[3] -- sorted set: the tenant's granted ids by time
local tenant = ARGV[1]
local now = tonumber(ARGV[2])
local ids = cjson.decode(ARGV[3])

local images_max = redis.call('HGET', max_key, tenant)
if not images_max then return ids end
local used = redis.call('HGET', counted_key, tenant) or 0
local room = images_max - used - redis.call('ZCARD', granted_key)
local granted = {}
for _, id in ipairs(ids) do
  local is_granted = redis.call('ZSCORE', granted_key, id)
  if not is_granted and room > 0 then
    redis.call('ZADD', granted_key, now, id)
    room = room - 1
    is_granted = true
  end
  if is_granted then granted[#granted + 1] = id end
end
return granted
