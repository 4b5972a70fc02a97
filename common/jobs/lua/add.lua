-- Adds images to an open job. An image that the job has already keeps its index.
--
-- Atomic, so that concurrent requests with the same image agree on its index, and a job that is
-- cancelled or completed meanwhile gets either all of these images or none.
--
-- Returns the index of each image, -1 if a worker has begun it; nothing if the job takes no images.
--
-- @include common/lua/_now.lua
-- @include common/jobs/lua/_pending.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local items_key = KEYS[2] -- list: the items
local states_key = KEYS[3] -- string: a letter for the state of each image
local ids_key = KEYS[4] -- hash: the index of each image of an open job, by its id
local pending_key = KEYS[5] -- counter: the images of accepted jobs without an outcome
local open_key = KEYS[6] -- hash: the images that each unfinished job adds to that counter
local additions_key = KEYS[7] -- sorted set: the open jobs by their last addition
local job_id = ARGV[1]
local queued_prefix = ARGV[2] -- prefix of a tenant's jobs by the time a task was last queued
local items = {unpack(ARGV, 3)} -- each: a byte, the image's id in 32 bytes, the file name

local opened, growing, accepted, tenant =
  unpack(redis.call('HMGET', job_key, 'opened', 'growing', 'accepted', 'tenant'))
if not (opened and growing and accepted) then return false end
local now = now_ms() / 1000
local length, added, indices = redis.call('LLEN', items_key), 0, {}
for number, item in ipairs(items) do
  local id = item:sub(2, 33)
  if redis.call('HSETNX', ids_key, id, length) == 1 then
    redis.call('RPUSH', items_key, item)
    redis.call('APPEND', states_key, 'q')
    indices[number] = length
    length, added = length + 1, added + 1
  else
    local index = tonumber(redis.call('HGET', ids_key, id))
    local is_waiting = redis.call('GETRANGE', states_key, index, index) == 'q'
    indices[number] = is_waiting and index or -1
  end
end
redis.call('ZADD', additions_key, now, job_id)
redis.call('HSET', job_key, 'changed_at', now)
-- The tasks of these items follow.
redis.call('ZADD', queued_prefix .. tenant, now, job_id)
if added > 0 then
  redis.call('HINCRBY', job_key, 'total', added)
  count_pending(pending_key, open_key, job_key, job_id, added)
end
return indices
