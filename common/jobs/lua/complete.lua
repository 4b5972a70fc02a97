-- Ends the growth of a job, and finishes it if all of its images have an outcome.
--
-- Atomic, so that either this or the `record` of the last outcome finishes the job.
--
-- Returns nothing.
--
-- @include common/lua/_now.lua
-- @include common/read_marks/lua/_advance.lua
-- @include common/jobs/lua/_mark.lua
-- @include common/jobs/lua/_finish.lua
-- @include common/jobs/lua/_keep.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local unfinished_key = KEYS[2] -- sorted set: the unfinished jobs
local open_key = KEYS[3] -- hash: the pending images of each unfinished job
local marks_key = KEYS[4] -- hash: read marks by collection
local job_keys = {unpack(KEYS, 5)} -- all keys of the job, which expire together
local job_id = ARGV[1]
local ttl_s = tonumber(ARGV[2])
local queued_prefix = ARGV[3] -- prefix of a tenant's jobs by the time a task was last queued
local skipped = ARGV[4] -- JSON: what its archive contains besides pictures, by kind

if redis.call('HDEL', job_key, 'growing') == 1 then
  redis.call('HSET', job_key, 'skipped', skipped)
  local now = now_ms() / 1000
  finish_if_done(job_key, unfinished_key, open_key, marks_key, queued_prefix, job_id, now)
  keep(job_key, job_keys, ttl_s)
end
