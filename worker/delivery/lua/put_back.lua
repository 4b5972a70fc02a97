-- Puts a delivered message back into its queue, unless it has been settled or put back already.
--
-- Atomic, so that the message is neither lost nor queued twice, stays if its stamp has been renewed
-- meanwhile, and is not taken for lost while it is in its queue (`JobRecords.overdue`). Redis checks
-- its memory limit before the first write of a script; that write is a removal, which needs no
-- memory, so the script also works if Redis is full.
--
-- Returns 1 if the message was put back, otherwise 0.
--
-- @include common/lua/_now.lua
local unacked_key = KEYS[1] -- hash: delivered messages, by delivery tag
local unacked_index_key = KEYS[2] -- sorted set: delivery tags by the time of their last stamp
local queue_key = KEYS[3] -- list: the queued messages
local job_key = KEYS[4] -- hash: the record of the task's job, if it has one
local tag = ARGV[1]
local stamped_until = ARGV[2] -- put back only if stamped no later; '' for any stamp or none
local even_if_missing = tonumber(ARGV[3]) -- 1: put back even if not among the delivered messages
local push = ARGV[4] -- RPUSH: deliver before all others; LPUSH: deliver last
local message = ARGV[5]
local job_id = ARGV[6]
local queued_prefix = ARGV[7] -- prefix of a tenant's jobs by the time a task was last queued

local stamp = redis.call('ZSCORE', unacked_index_key, tag)
if stamped_until ~= '' and (not stamp or tonumber(stamp) > tonumber(stamped_until)) then
  return 0
end
local removed = redis.call('HDEL', unacked_key, tag)
redis.call('ZREM', unacked_index_key, tag)
if removed == 0 and even_if_missing == 0 then return 0 end
redis.call(push, queue_key, message)
local tenant = redis.call('HGET', job_key, 'tenant')
if tenant then redis.call('ZADD', queued_prefix .. tenant, 'XX', now_ms() / 1000, job_id) end
return 1
