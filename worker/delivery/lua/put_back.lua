-- Puts a delivered message back into its queue, unless it was settled or put back already.
--
-- One step, so that the message is neither lost nor in the queue twice, and not put back if its
-- stamp was renewed meanwhile. The first write is a removal: Redis checks its memory before the
-- first write of a script and a removal needs none, so that this works in a full Redis.
--
-- Returns 1 if the message was put back, else 0.
local unacked_key = KEYS[1] -- hash: delivered messages, by delivery tag
local unacked_index_key = KEYS[2] -- sorted set: delivery tags by the time of their last stamp
local queue_key = KEYS[3] -- list: the messages that wait
local tag = ARGV[1]
local stamped_until = ARGV[2] -- put back only if its stamp is no later; '' for any stamp or none
local even_if_missing = tonumber(ARGV[3]) -- 1 to put back also what is not among the delivered messages
local push = ARGV[4] -- RPUSH to be delivered before all others, LPUSH to be delivered last
local message = ARGV[5]

local stamp = redis.call('ZSCORE', unacked_index_key, tag)
if stamped_until ~= '' and (not stamp or tonumber(stamp) > tonumber(stamped_until)) then
  return 0
end
local removed = redis.call('HDEL', unacked_key, tag)
redis.call('ZREM', unacked_index_key, tag)
if removed == 0 and even_if_missing == 0 then return 0 end
redis.call(push, queue_key, message)
return 1
