-- Releases the claims on images that have an outcome, and forgets their attempts.
--
-- One step, so that an owner removes a claim only while the claim is its own.
--
-- Returns nothing.
--
-- @include common/claims/lua/_remove.lua
local claim_keys = KEYS -- hashes: the claim of each image
local kept_s = tonumber(ARGV[1]) -- seconds that the hash of an overtaken image is kept
local owners = cjson.decode(ARGV[2]) -- the owner that each claim should have
local job_ids = cjson.decode(ARGV[3]) -- the job whose row each image has in the store, or ''

for i, claim_key in ipairs(claim_keys) do
  if redis.call('HGET', claim_key, 'owner') == owners[i] then
    remove(claim_key, kept_s, job_ids[i])
  end
end
