-- Releases the lease on a dead letter.
--
-- One step, so that an owner whose lease has expired does not release that of the next owner.
--
-- Returns nothing.
local lease_key = KEYS[1] -- the owner of the lease
local owner = ARGV[1]

if redis.call('GET', lease_key) == owner then redis.call('DEL', lease_key) end
