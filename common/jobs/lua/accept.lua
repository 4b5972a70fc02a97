-- Accepts a job whose tasks are all in the queue: keeps its record, counts its images as pending and
-- adds it to its tenant's list.
--
-- Atomic, so that a job is counted once, and concurrently recorded outcomes are subtracted either
-- here or by `record`, never by both. Accepting a job again changes nothing.
--
-- Returns the job's hash, empty if the record has expired.
--
-- @include common/lua/_now.lua
-- @include common/read_marks/lua/_advance.lua
-- @include common/jobs/lua/_mark.lua
-- @include common/webhooks/lua/_announce.lua
-- @include common/jobs/lua/_finish.lua
-- @include common/jobs/lua/_keep.lua
-- @include common/jobs/lua/_pending.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local unfinished_key = KEYS[2] -- sorted set: the unfinished jobs by creation time
local pending_key = KEYS[3] -- counter: the images of accepted jobs without an outcome
local open_key = KEYS[4] -- hash: the images that each unfinished job adds to that counter
local tenants_key = KEYS[5] -- set: the tenants that have a list of jobs
local marks_key = KEYS[6] -- hash: read marks by collection
local additions_key = KEYS[7] -- sorted set: the open jobs by their last addition
local job_keys = {unpack(KEYS, 8)} -- all keys of the job, which expire together
local job_id = ARGV[1]
local ttl_s = tonumber(ARGV[2])
local list_prefix = ARGV[3] -- prefix of the key of a tenant's list
local queued_prefix = ARGV[4] -- prefix of a tenant's jobs by the time a task was last queued
local names_prefix = ARGV[5] -- prefix of a tenant's open jobs by name
local webhooks_prefix = ARGV[6] -- prefix of what all webhooks share

if redis.call('HSETNX', job_key, 'accepted', 1) == 0 then
  return redis.call('HGETALL', job_key)
end
local total, done, created_at, tenant =
  unpack(redis.call('HMGET', job_key, 'total', 'done', 'created_at', 'tenant'))
if not total then
  -- The record has expired; HSETNX has just created the hash.
  redis.call('DEL', job_key)
  return {}
end
local now = now_ms() / 1000
redis.call('SADD', tenants_key, tenant)
redis.call('ZADD', list_prefix .. tenant, created_at, job_id)
redis.call('HSET', open_key, job_id, 0)
count_pending(pending_key, open_key, job_key, job_id, total - (done or 0))
redis.call('ZADD', unfinished_key, created_at, job_id)
redis.call('ZADD', queued_prefix .. tenant, now, job_id)
redis.call('HSETNX', job_key, 'changed_at', now)
if redis.call('HEXISTS', job_key, 'opened') == 1 then
  redis.call('ZADD', additions_key, now, job_id)
  local name = redis.call('HGET', job_key, 'name')
  if name then redis.call('HSET', names_prefix .. tenant, name, job_id) end
end
finish_if_done(
  job_key, unfinished_key, open_key, marks_key, queued_prefix, webhooks_prefix, job_id, now, ttl_s)
keep(job_key, job_keys, ttl_s)
return redis.call('HGETALL', job_key)
