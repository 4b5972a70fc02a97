-- Releases the claims on images that have an outcome, and resets their attempts.
--
-- Atomic, so that an owner removes only claims that it holds.
--
-- Returns nothing.
--
-- @include common/claims/lua/_leave.lua
-- @include common/claims/lua/_remove.lua
local claim_keys = KEYS -- hashes: the claim of each image
local kept_s = tonumber(ARGV[1]) -- seconds that the hash of an overtaken image is kept
local owners = cjson.decode(ARGV[2]) -- the expected owner of each claim
local left = cjson.decode(ARGV[3]) -- each: as _leave.lua takes it

for i, claim_key in ipairs(claim_keys) do
  if redis.call('HGET', claim_key, 'owner') == owners[i] then
    leave(claim_key, left[i])
    remove(claim_key, kept_s)
  end
end
