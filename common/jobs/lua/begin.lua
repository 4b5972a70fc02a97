-- Marks images and their job as started, unless the job was cancelled.
--
-- Atomic, so that a cancellation either prevents these images or sees that they were started.
--
-- Returns 1 if the worker may proceed, even if the record has expired; 0 if the job was cancelled.
--
-- @include common/lua/_now.lua
-- @include common/jobs/lua/_keep.lua
-- @include common/jobs/lua/_version_1.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local states_key = KEYS[2] -- string: a letter for the state of each image
local begun_key = KEYS[3] -- set, in version 1: the indices that workers have started
local ttl_s = tonumber(ARGV[1])
local indices = cjson.decode(ARGV[2])

if redis.call('EXISTS', job_key) == 0 then return 1 end
if redis.call('HEXISTS', job_key, 'cancel') == 1 then return 0 end
local now = now_ms() / 1000
redis.call('HSETNX', job_key, 'started_at', now)
redis.call('HSET', job_key, 'changed_at', now)
if is_version_1(job_key) then
  if #indices > 0 then redis.call('SADD', begun_key, unpack(indices)) end
  keep(job_key, {begun_key}, ttl_s)
  return 1
end
for _, index in ipairs(indices) do
  if redis.call('GETRANGE', states_key, index, index) == 'q' then
    redis.call('SETRANGE', states_key, index, 'b')
  end
end
return 1
