-- Marks a slice of a pass as done.
-- Atomic, so that exactly one of the last slices to end is the last one.
-- Returns 1 if it was the last open slice.
local reindex_key = KEYS[1]
local open_key = KEYS[2]
local reindex_id = ARGV[1]
local number = ARGV[2]
local slice = ARGV[3]

local found = redis.call('HMGET', reindex_key, 'id', 'state', 'number')
if found[1] ~= reindex_id or found[2] ~= 'running' or found[3] ~= number then
  return 0
end
if redis.call('SREM', open_key, slice) == 0 then
  return 0
end
return redis.call('SCARD', open_key) == 0 and 1 or 0
