-- Releases the claims on images without an outcome, and decrements their attempts.
--
-- Atomic, so that an owner gives back only claims that it holds, and each only once.
--
-- Returns nothing.
--
-- @include common/claims/lua/_remove.lua
local claim_keys = KEYS -- hashes: the claim of each image
local kept_s = tonumber(ARGV[1]) -- seconds that the hash of an overtaken image is kept
local owners = cjson.decode(ARGV[2]) -- the expected owner of each claim

for i, claim_key in ipairs(claim_keys) do
  if redis.call('HGET', claim_key, 'owner') == owners[i] then
    redis.call('HDEL', claim_key, 'owner')
    if redis.call('HINCRBY', claim_key, 'attempts', -1) <= 0 then remove(claim_key, kept_s) end
  end
end
