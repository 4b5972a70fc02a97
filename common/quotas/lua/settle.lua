-- Counts images that have a row now, ended without one, or were deleted.
--
-- Atomic, so that a grant becomes a counted row exactly once, however often it is settled.
--
-- Returns nothing.
local counted_key = KEYS[1] -- hash: the numbers of rows by tenant
local granted_key = KEYS[2] -- sorted set: the tenant's granted ids by time
local tenant = ARGV[1]
local indexed = cjson.decode(ARGV[2]) -- ids with a row; counted if they were granted
local ended = cjson.decode(ARGV[3]) -- ids without a row
local deleted = cjson.decode(ARGV[4]) -- ids whose row was deleted

local change = 0
for _, id in ipairs(indexed) do change = change + redis.call('ZREM', granted_key, id) end
for _, id in ipairs(ended) do redis.call('ZREM', granted_key, id) end
for _, id in ipairs(deleted) do
  -- A row whose grant was never settled is not counted.
  change = change - 1 + redis.call('ZREM', granted_key, id)
end
-- Without a count yet, the first one will find the rows.
if change ~= 0 and redis.call('HEXISTS', counted_key, tenant) == 1 then
  redis.call('HINCRBY', counted_key, tenant, change)
end
