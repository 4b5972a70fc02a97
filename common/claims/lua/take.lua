-- Claims images for an owner.
--
-- Atomic, so that only one of several concurrent owners gets an image, and its attempts are
-- counted exactly. A claim that the owner already holds is renewed and is not a new attempt.
--
-- Returns a verdict for each image, in the order of the keys: GRANTED; BUSY, another owner holds
-- it; SUSPECT, a worker died with it, so that it is granted only to a process that works on
-- nothing else; QUARANTINED, its attempts are used up.
--
-- @include common/lua/_now.lua
local claim_keys = KEYS -- hashes: the claim of each image
local owner = ARGV[1]
local lease_ms = tonumber(ARGV[2])
local attempts_max = tonumber(ARGV[3])
local alone = tonumber(ARGV[4]) -- 1 if the owner's process works on nothing else, else 0
local kept_s = tonumber(ARGV[5]) -- seconds that attempts are kept

local now = now_ms()
local verdicts = {}
for i, claim_key in ipairs(claim_keys) do
  local holder, ends_at, attempts =
    unpack(redis.call('HMGET', claim_key, 'owner', 'until', 'attempts'))
  attempts = tonumber(attempts or 0)
  if holder == owner then
    redis.call('HSET', claim_key, 'until', now + lease_ms)
    verdicts[i] = 'GRANTED'
  elseif holder and tonumber(ends_at) > now then
    verdicts[i] = 'BUSY'
  elseif attempts >= attempts_max then
    redis.call('HDEL', claim_key, 'owner')
    redis.call('PERSIST', claim_key)
    verdicts[i] = 'QUARANTINED'
  elseif attempts > 0 and alone == 0 then
    verdicts[i] = 'SUSPECT'
  else
    redis.call(
      'HSET', claim_key, 'owner', owner, 'until', now + lease_ms, 'attempts', attempts + 1
    )
    if attempts > 0 then redis.call('HSET', claim_key, 'overtaken', 1) end
    redis.call('EXPIRE', claim_key, kept_s)
    verdicts[i] = 'GRANTED'
  end
end
return verdicts
