-- Stores a new reindex with all its slices open.
-- Atomic, so that only one of several reindexes started at once runs.
-- Returns 1 if it was stored, 0 if another one is running.
local reindex_key = KEYS[1]
local open_key = KEYS[2]
local failures_key = KEYS[3]
local fields = cjson.decode(ARGV[1])
local slices = cjson.decode(ARGV[2])

if redis.call('HGET', reindex_key, 'state') == 'running' then
  return 0
end
redis.call('DEL', reindex_key, open_key, failures_key)
redis.call('HSET', reindex_key, unpack(fields))
redis.call('SADD', open_key, unpack(slices))
return 1
