-- Releases the claims on images without an outcome, and decrements their attempts, except if a
-- decoder process died of the image.
--
-- Atomic, so that an owner gives back only claims that it holds, and each only once.
--
-- Returns nothing.
--
-- @include common/claims/lua/_remove.lua
local claim_keys = KEYS -- hashes: the claim of each image
local kept_s = tonumber(ARGV[1]) -- seconds that the hash of an overtaken image is kept
local owners = cjson.decode(ARGV[2]) -- the expected owner of each claim
local died = cjson.decode(ARGV[3]) -- 1 for each image that a process died of, else 0

for i, claim_key in ipairs(claim_keys) do
  if redis.call('HGET', claim_key, 'owner') == owners[i] then
    redis.call('HDEL', claim_key, 'owner')
    if redis.call('HINCRBY', claim_key, 'attempts', died[i] - 1) <= 0 then
      remove(claim_key, kept_s)
    end
  end
end
