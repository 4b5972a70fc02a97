-- Releases the claims on images that have no outcome, and takes back the attempts at them.
--
-- One step, so that an owner gives back a claim only while the claim is its own, and only once.
--
-- Returns nothing.
--
-- @include common/claims/lua/_remove.lua
local claim_keys = KEYS -- hashes: the claim of each image
local kept_s = tonumber(ARGV[1]) -- seconds that the hash of an overtaken image is kept
local owners = cjson.decode(ARGV[2]) -- the owner that each claim should have

for i, claim_key in ipairs(claim_keys) do
  if redis.call('HGET', claim_key, 'owner') == owners[i] then
    redis.call('HDEL', claim_key, 'owner')
    if redis.call('HINCRBY', claim_key, 'attempts', -1) <= 0 then remove(claim_key, kept_s) end
  end
end
