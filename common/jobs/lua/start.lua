-- Starts a job whose images are all known: writes its record, puts its tasks into their queues,
-- counts the images without an outcome as pending and adds the job to its tenant's list. Starting a
-- job again changes nothing.
--
-- Atomic, so that a job is accepted with all of its tasks or not at all, and no worker finds a task
-- whose job has no record.
--
-- Returns the job's hash if the job has ended or was started before; otherwise nothing.
--
-- @include common/lua/_now.lua
-- @include common/read_marks/lua/_advance.lua
-- @include common/jobs/lua/_mark.lua
-- @include common/webhooks/lua/_announce.lua
-- @include common/jobs/lua/_finish.lua
-- @include common/jobs/lua/_pending.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local items_key = KEYS[2] -- list: the items
local states_key = KEYS[3] -- string: a letter for the state of each image
local failures_key = KEYS[4] -- hash: the outcomes of failed images as JSON, by index
local unfinished_key = KEYS[5] -- sorted set: the unfinished jobs by creation time
local pending_key = KEYS[6] -- counter: the images of accepted jobs without an outcome
local open_key = KEYS[7] -- hash: the images that each unfinished job adds to that counter
local tenants_key = KEYS[8] -- set: the tenants that have a list of jobs
local list_key = KEYS[9] -- sorted set: the tenant's jobs by creation time
local marks_key = KEYS[10] -- hash: read marks by collection
local job_id = ARGV[1]
local ttl_s = tonumber(ARGV[2])
local tenant = ARGV[3]
local created_at = ARGV[4]
local waiting = tonumber(ARGV[5]) -- number of images without an outcome
local queued_prefix = ARGV[6] -- prefix of a tenant's jobs by the time a task was last queued
local webhooks_prefix = ARGV[7] -- prefix of what all webhooks share
local fields = cjson.decode(ARGV[8]) -- the names and values of the job's hash, in turn
local states = ARGV[9]
local failures = cjson.decode(ARGV[10]) -- the index and outcome of each failed image, in turn
local tasks = cjson.decode(ARGV[11]) -- the queue and message of each task, in turn
local lengths = cjson.decode(ARGV[12]) -- the bytes of each item
local items = ARGV[13] -- the items, one after the other

if redis.call('HSETNX', job_key, 'accepted', 1) == 0 then
  return redis.call('HGETALL', job_key)
end
local now = now_ms() / 1000
redis.call('HSET', job_key, 'changed_at', now, unpack(fields))
local first = 1
for _, length in ipairs(lengths) do
  redis.call('RPUSH', items_key, items:sub(first, first + length - 1))
  first = first + length
end
redis.call('SET', states_key, states)
for n = 1, #failures, 2 do redis.call('HSET', failures_key, failures[n], failures[n + 1]) end
for n = 1, #tasks, 2 do redis.call('LPUSH', tasks[n], tasks[n + 1]) end
redis.call('SADD', tenants_key, tenant)
redis.call('ZADD', list_key, created_at, job_id)
redis.call('HSET', open_key, job_id, 0)
count_pending(pending_key, open_key, job_key, job_id, waiting)
redis.call('ZADD', unfinished_key, created_at, job_id)
redis.call('ZADD', queued_prefix .. tenant, now, job_id)
if waiting > 0 then return end
finish_if_done(
  job_key, unfinished_key, open_key, marks_key, queued_prefix, webhooks_prefix, job_id, now, ttl_s)
for _, key in ipairs({job_key, items_key, states_key, failures_key}) do
  redis.call('EXPIRE', key, ttl_s)
end
return redis.call('HGETALL', job_key)
