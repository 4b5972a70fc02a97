-- Renews claims, and notes what their owners have left in the store.
--
-- Atomic, so that no other owner takes over a claim between check and renewal.
--
-- Returns for each claim, in the order of the keys, 1 if its owner still holds it, else 0.
--
-- @include common/lua/_now.lua
-- @include common/claims/lua/_leave.lua
local claim_keys = KEYS -- hashes: the claim of each image
local lease_ms = tonumber(ARGV[1])
local owners = cjson.decode(ARGV[2]) -- the expected owner of each claim
local left = cjson.decode(ARGV[3]) -- each: as _leave.lua takes it

local now = now_ms()
local holds = {}
for i, claim_key in ipairs(claim_keys) do
  holds[i] = 0
  if redis.call('HGET', claim_key, 'owner') == owners[i] then
    redis.call('HSET', claim_key, 'until', now + lease_ms)
    leave(claim_key, left[i])
    holds[i] = 1
  end
end
return holds
