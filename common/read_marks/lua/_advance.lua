-- Raises a collection's read mark to a time, unless it is later. Times have a fixed number of digits
-- and compare as strings; as numbers, which Lua stores as doubles, they would lose their last bits.
local function advance_mark(marks_key, collection, time)
  local found = redis.call('HGET', marks_key, collection)
  if not found or found < time then redis.call('HSET', marks_key, collection, time) end
end
