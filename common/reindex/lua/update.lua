-- Changes fields of a running reindex.
-- Atomic, so that tasks of an earlier reindex or pass do not change a later one.
-- Returns 1 if they were changed, 0 if the reindex is not running or not in this pass.
local reindex_key = KEYS[1]
local open_key = KEYS[2]
local reindex_id = ARGV[1]
local number = ARGV[2]
local embedded = tonumber(ARGV[3])
local fields = cjson.decode(ARGV[4])
local slices = cjson.decode(ARGV[5])

local found = redis.call('HMGET', reindex_key, 'id', 'state', 'number')
if found[1] ~= reindex_id or found[2] ~= 'running' then
  return 0
end
if number ~= '' and found[3] ~= number then
  return 0
end
if embedded > 0 then
  redis.call('HINCRBY', reindex_key, 'embedded', embedded)
end
if #fields > 0 then
  redis.call('HSET', reindex_key, unpack(fields))
end
if #slices > 0 then
  redis.call('SADD', open_key, unpack(slices))
end
return 1
