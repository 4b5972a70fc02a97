-- Marks images and their job as started, unless the job was cancelled.
--
-- Atomic, so that a cancellation either prevents these images or sees that they were started.
--
-- Returns 1 if the worker may proceed, even if the record has expired; 0 if the job was cancelled.
--
-- @include common/lua/_now.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local begun_key = KEYS[2] -- set: the indices that workers have started
local ttl_s = tonumber(ARGV[1])
local indices = cjson.decode(ARGV[2])

if redis.call('EXISTS', job_key) == 0 then return 1 end
if redis.call('HEXISTS', job_key, 'cancel') == 1 then return 0 end
local now = now_ms() / 1000
redis.call('HSETNX', job_key, 'started_at', now)
redis.call('HSET', job_key, 'changed_at', now)
if #indices > 0 then
  redis.call('SADD', begun_key, unpack(indices))
  redis.call('EXPIRE', begun_key, ttl_s)
end
return 1
