-- Returns the time of Redis's own clock in milliseconds since 1970. Processes write times that
-- others compare, and the clocks of their machines may differ.
local function now_ms()
  local seconds, microseconds = unpack(redis.call('TIME'))
  return seconds * 1000 + math.floor(microseconds / 1000)
end
