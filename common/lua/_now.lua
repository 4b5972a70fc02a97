-- Returns the time of Redis's clock in milliseconds since 1970. Processes compare times that others
-- have written, and the clocks of their machines may differ.
local function now_ms()
  local seconds, microseconds = unpack(redis.call('TIME'))
  return seconds * 1000 + math.floor(microseconds / 1000)
end
