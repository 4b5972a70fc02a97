-- Releases the lease on a dead letter.
--
-- Atomic, so that an owner whose lease has expired does not release the next owner's lease.
--
-- Returns nothing.
local lease_key = KEYS[1] -- the owner of the lease
local owner = ARGV[1]

if redis.call('GET', lease_key) == owner then redis.call('DEL', lease_key) end
