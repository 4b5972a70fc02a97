-- Counts the attempts at an image that ended in the death of a worker or a decoder: those started and not
-- settled, except one that is still in progress.
--
-- Atomic, so that attempts and owner are consistent.
--
-- Returns that number.
--
-- @include common/lua/_now.lua
local claim_key = KEYS[1] -- hash: the claim of the image

local owner, ends_at, attempts =
  unpack(redis.call('HMGET', claim_key, 'owner', 'until', 'attempts'))
local is_held = owner and tonumber(ends_at) > now_ms()
return tonumber(attempts or 0) - (is_held and 1 or 0)
