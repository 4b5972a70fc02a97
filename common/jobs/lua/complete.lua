-- Ends the growth of a job, and finishes it if all of its images have an outcome. An open job can be
-- ended only if nothing was added to it for some time.
--
-- Atomic, so that either this or the `record` of the last outcome finishes the job, and no addition
-- comes between the check of its time and the end.
--
-- Returns 1 if this ended the growth, otherwise 0.
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
local skipped = ARGV[4] -- JSON: what its archive contains besides pictures, by kind
local names_prefix = ARGV[5] -- prefix of a tenant's open jobs by name
local idle_s = tonumber(ARGV[6]) -- seconds since the last addition to an open job; 0 for any job
local webhooks_prefix = ARGV[7] -- prefix of what all webhooks share

local now = now_ms() / 1000
local added_at = redis.call('ZSCORE', additions_key, job_id)
if idle_s > 0 and (not added_at or tonumber(added_at) > now - idle_s) then return 0 end
close(job_key, ids_key, additions_key, names_prefix, job_id)
if redis.call('HDEL', job_key, 'growing') == 0 then return 0 end
redis.call('HSET', job_key, 'skipped', skipped)
finish_if_done(
  job_key, unfinished_key, open_key, marks_key, queued_prefix, webhooks_prefix, job_id, now, ttl_s)
keep(job_key, job_keys, ttl_s)
return 1
