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
local job_key = KEYS[1] -- hash: the job's counters and times
local items_key = KEYS[2] -- list: items as JSON
local queued_key = KEYS[3] -- sorted set: the indices without an outcome
local pending_key = KEYS[4] -- counter: the images of accepted jobs without an outcome
local job_keys = {unpack(KEYS, 5)} -- all keys of the job, which expire together
local ttl_s = tonumber(ARGV[1])
local start = tonumber(ARGV[2]) -- the index of the first item
local items = cjson.decode(ARGV[3]) -- items, each as JSON

if redis.call('HEXISTS', job_key, 'growing') == 0 then return 0 end
local length, added = redis.call('LLEN', items_key), 0
for number, item in ipairs(items) do
  local index = start + number - 1
  if index == length then
    redis.call('RPUSH', items_key, item)
    redis.call('ZADD', queued_key, index, index)
    length, added = length + 1, added + 1
  end
end
if added > 0 then
  redis.call('HINCRBY', job_key, 'total', added)
  redis.call('HSET', job_key, 'changed_at', now_ms() / 1000)
  if redis.call('HEXISTS', job_key, 'accepted') == 1 then
    count_pending(pending_key, job_key, added)
  end
end
keep(job_key, job_keys, ttl_s)
return added
