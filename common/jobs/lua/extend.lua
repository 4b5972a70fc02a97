-- Appends items to a growing job, skipping indices that are already taken.
--
-- Atomic, so that a repeated or concurrent pass through an archive adds each item once and in
-- order.
--
-- Returns the number of items added.
--
-- @include common/lua/_now.lua
-- @include common/jobs/lua/_keep.lua
-- @include common/jobs/lua/_pending.lua
-- @include common/jobs/lua/_version_1.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local items_key = KEYS[2] -- list: the items
local states_key = KEYS[3] -- string: a letter for the state of each image
local queued_key = KEYS[4] -- sorted set, in version 1: the indices without an outcome
local pending_key = KEYS[5] -- counter: the images of accepted jobs without an outcome
local open_key = KEYS[6] -- hash: the images that each unfinished job adds to that counter
local job_keys = {unpack(KEYS, 7)} -- all keys of the job, which expire together
local job_id = ARGV[1]
local ttl_s = tonumber(ARGV[2])
local queued_prefix = ARGV[3] -- prefix of a tenant's jobs by the time a task was last queued
local start = tonumber(ARGV[4]) -- the index of the first item
local items = {unpack(ARGV, 5)}

local tenant = redis.call('HGET', job_key, 'tenant')
if redis.call('HEXISTS', job_key, 'growing') == 0 then return 0 end
local length, added = redis.call('LLEN', items_key), 0
for number, item in ipairs(items) do
  local index = start + number - 1
  if index == length then
    redis.call('RPUSH', items_key, item)
    if is_version_1(job_key) then
      redis.call('ZADD', queued_key, index, index)
    else
      redis.call('APPEND', states_key, 'q')
    end
    length, added = length + 1, added + 1
  end
end
if added > 0 then
  local now = now_ms() / 1000
  redis.call('HINCRBY', job_key, 'total', added)
  redis.call('HSET', job_key, 'changed_at', now)
  if redis.call('HEXISTS', job_key, 'accepted') == 1 then
    count_pending(pending_key, open_key, job_key, job_id, added)
    -- The tasks of these items follow.
    redis.call('ZADD', queued_prefix .. tenant, now, job_id)
  end
end
keep(job_key, job_keys, ttl_s)
return added
