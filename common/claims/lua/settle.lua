-- Releases the claims on images that have an outcome, and resets their attempts.
--
-- Atomic, so that an owner removes only claims that it holds.
--
-- Returns nothing.
--
-- @include common/claims/lua/_remove.lua
local claim_keys = KEYS -- hashes: the claim of each image
local kept_s = tonumber(ARGV[1]) -- seconds that the hash of an overtaken image is kept
local owners = cjson.decode(ARGV[2]) -- the expected owner of each claim
local job_ids = cjson.decode(ARGV[3]) -- the job that wrote each image's row in the store, or ''

for i, claim_key in ipairs(claim_keys) do
  if redis.call('HGET', claim_key, 'owner') == owners[i] then
    remove(claim_key, kept_s, job_ids[i])
  end
end
