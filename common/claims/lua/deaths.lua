-- Counts the attempts at an image that ended with the death of a worker: all that were begun and
-- not settled, except one that is still in progress.
--
-- One step, so that attempts and owner are of the same moment.
--
-- Returns that number.
--
-- @include common/lua/_now.lua
local claim_key = KEYS[1] -- hash: the claim of the image

local owner, ends_at, attempts =
  unpack(redis.call('HMGET', claim_key, 'owner', 'until', 'attempts'))
local is_held = owner and tonumber(ends_at) > now_ms()
return tonumber(attempts or 0) - (is_held and 1 or 0)
