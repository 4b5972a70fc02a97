-- Checks the next unfinished jobs: subtracts the pending images of those whose records are gone, and
-- notes those of the others. Starts over after the last job.
--
-- Atomic, so that no outcome is recorded between reading a job and noting its images.
--
-- Returns 1 if more jobs follow, otherwise 0.
--
-- @include common/lua/_now.lua
local unfinished_key = KEYS[1] -- sorted set: the unfinished jobs
local pending_key = KEYS[2] -- counter: the images of accepted jobs without an outcome
local open_key = KEYS[3] -- hash: the images that each unfinished job adds to that counter
local audited_key = KEYS[4] -- number of jobs checked since the start
local tenants_key = KEYS[5] -- set: the tenants that have a list of jobs
local job_prefix = ARGV[1] -- prefix of the key of a job's hash
local queued_prefix = ARGV[2] -- prefix of a tenant's jobs by the time a task was last queued
local limit = tonumber(ARGV[3]) -- maximum number of jobs to check

local tenants_pending = pending_key .. ':tenants'
local now = now_ms() / 1000
local start = tonumber(redis.call('GET', audited_key) or 0)
local ids = redis.call('ZRANGE', unfinished_key, start, start + limit - 1)
for _, job_id in ipairs(ids) do
  local total, done, tenant =
    unpack(redis.call('HMGET', job_prefix .. job_id, 'total', 'done', 'tenant'))
  if total then
    if redis.call('HSETNX', open_key, job_id, total - (done or 0)) == 1 then
      -- A process of an earlier version accepted the job.
      redis.call('HINCRBY', tenants_pending, tenant, total - (done or 0))
      redis.call('ZADD', queued_prefix .. tenant, 'NX', now, job_id)
    end
    start = start + 1
  else
    local lost = math.max(0, redis.call('HGET', open_key, job_id) or 0)
    redis.call('DECRBY', pending_key, lost)
    for _, tenant in ipairs(redis.call('SMEMBERS', tenants_key)) do
      if redis.call('ZREM', queued_prefix .. tenant, job_id) == 1 then
        redis.call('HINCRBY', tenants_pending, tenant, -lost)
      end
    end
    redis.call('HDEL', open_key, job_id)
    redis.call('ZREM', unfinished_key, job_id)
  end
end
if redis.call('ZCARD', unfinished_key) == 0 then
  redis.call('SET', pending_key, 0)
  redis.call('DEL', tenants_pending)
end
local more = #ids == limit
redis.call('SET', audited_key, more and start or 0)
return more and 1 or 0
