-- Resets the attempts at images, and so their quarantine, except if an owner holds the image.
--
-- Atomic, so that no owner claims an image between check and removal.
--
-- Returns nothing.
--
-- @include common/lua/_now.lua
-- @include common/claims/lua/_remove.lua
local claim_keys = KEYS -- hashes: the claim of each image
local kept_s = tonumber(ARGV[1]) -- seconds that the hash of an overtaken image is kept

local now = now_ms()
for _, claim_key in ipairs(claim_keys) do
  local owner, ends_at, attempts =
    unpack(redis.call('HMGET', claim_key, 'owner', 'until', 'attempts'))
  if not owner or tonumber(ends_at) <= now then
    -- The worker of an earlier attempt may be frozen rather than dead, and may still write.
    if tonumber(attempts or 0) > 0 then redis.call('HSET', claim_key, 'overtaken', 1) end
    remove(claim_key, kept_s)
  end
end
