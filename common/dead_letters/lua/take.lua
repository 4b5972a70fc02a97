-- Takes a lease on a dead letter, or renews it if the owner already holds it.
--
-- Atomic, so that only one of several concurrent owners gets the letter.
--
-- Returns the letter, and 1 if the owner has the lease or 0 if another owner has it; an empty list
-- if there is no letter.
local letters_key = KEYS[1] -- hash: letters as JSON, by image
local lease_key = KEYS[2] -- the owner of the lease; expires with it
local image_id = ARGV[1]
local owner = ARGV[2]
local lease_ms = tonumber(ARGV[3])

local letter = redis.call('HGET', letters_key, image_id)
if not letter then return {} end
local holder = redis.call('GET', lease_key)
if holder and holder ~= owner then return {letter, 0} end
redis.call('SET', lease_key, owner, 'PX', lease_ms)
return {letter, 1}
