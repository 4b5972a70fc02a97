-- Cancels a job: no worker starts more of its images, and it stops growing.
--
-- Atomic, so that a growing job is marked as cut short before it can finish.
--
-- Returns nothing.
--
-- @include common/lua/_now.lua
-- @include common/read_marks/lua/_advance.lua
-- @include common/jobs/lua/_mark.lua
-- @include common/webhooks/lua/_announce.lua
-- @include common/jobs/lua/_finish.lua
-- @include common/jobs/lua/_keep.lua
-- @include common/jobs/lua/_close.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local unfinished_key = KEYS[2] -- sorted set: the unfinished jobs
local open_key = KEYS[3] -- hash: the pending images of each unfinished job
local marks_key = KEYS[4] -- hash: read marks by collection
local ids_key = KEYS[5] -- hash: the index of each image of an open job, by its id
local additions_key = KEYS[6] -- sorted set: the open jobs by their last addition
local job_keys = {unpack(KEYS, 7)} -- all keys of the job, which expire together
local job_id = ARGV[1]
local ttl_s = tonumber(ARGV[2])
local queued_prefix = ARGV[3] -- prefix of a tenant's jobs by the time a task was last queued
local names_prefix = ARGV[4] -- prefix of a tenant's open jobs by name
local webhooks_prefix = ARGV[5] -- prefix of what all webhooks share

redis.call('HSET', job_key, 'cancel', 1)
close(job_key, ids_key, additions_key, names_prefix, job_id)
if redis.call('HDEL', job_key, 'growing') == 1 then
  redis.call('HSET', job_key, 'cut_short', 1)
  local now = now_ms() / 1000
  finish_if_done(
    job_key, unfinished_key, open_key, marks_key, queued_prefix, webhooks_prefix, job_id, now, ttl_s)
end
keep(job_key, job_keys, ttl_s)
