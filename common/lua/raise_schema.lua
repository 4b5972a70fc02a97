-- Raises the schema of the data to that of a program that reads it.
-- Atomic, so that a program that starts at the same time does not lower it again.
-- Returns the schema that the data had, 0 if it had none.
local schema_key = KEYS[1]
local reads = tonumber(ARGV[1])
local writes = tonumber(ARGV[2])

local found = tonumber(redis.call('GET', schema_key) or 0)
if found <= reads and found < writes then
  redis.call('SET', schema_key, writes)
end
return found
