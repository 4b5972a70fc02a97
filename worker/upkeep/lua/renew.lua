-- Renews the lock of a turn.
--
-- Atomic, so that a turn that lost its lock does not renew another turn's.
--
-- Returns 1 if the turn still holds the lock, otherwise 0.
local turn_key = KEYS[1] -- string: the id of the turn that holds the lock
local turn_id = ARGV[1]
local ttl_ms = tonumber(ARGV[2])

if redis.call('GET', turn_key) ~= turn_id then return 0 end
return redis.call('PEXPIRE', turn_key, ttl_ms)
