-- Records outcomes of a job's images, and finishes the job with the last one.
--
-- Atomic, so that an outcome moves its image between the sets, increments the counters and
-- decrements the number of pending images exactly once, however many tasks report it. The first
-- outcome of an image counts; later ones change nothing.
--
-- Returns the number of new outcomes.
--
-- @include common/lua/_now.lua
-- @include common/read_marks/lua/_advance.lua
-- @include common/jobs/lua/_mark.lua
-- @include common/jobs/lua/_finish.lua
-- @include common/jobs/lua/_keep.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local outcomes_key = KEYS[2] -- hash: outcomes as JSON, by index
local queued_key = KEYS[3] -- sorted set: the indices without an outcome
local indexed_key = KEYS[4] -- sorted sets: the indices with each outcome
local duplicate_key = KEYS[5]
local failed_key = KEYS[6]
local cancelled_key = KEYS[7]
local unfinished_key = KEYS[8] -- sorted set: the unfinished jobs
local pending_key = KEYS[9] -- counter: the images of accepted jobs without an outcome
local marks_key = KEYS[10] -- hash: read marks by collection
local job_keys = {unpack(KEYS, 11)} -- all keys of the job, which expire together
local job_id = ARGV[1]
local ttl_s = tonumber(ARGV[2])
local outcomes = cjson.decode(ARGV[3]) -- each: index, state, counter in the hash, JSON
local mark = cjson.decode(ARGV[4]) -- collection and time as of which the images are found; may be empty

if redis.call('EXISTS', job_key) == 0 then return 0 end
local now = now_ms() / 1000
local state_keys = {
  indexed = indexed_key,
  duplicate = duplicate_key,
  failed = failed_key,
  cancelled = cancelled_key,
}
local added = 0
for _, outcome in ipairs(outcomes) do
  local index, state, counter, text = unpack(outcome)
  if redis.call('HSETNX', outcomes_key, index, text) == 1 then
    redis.call('ZREM', queued_key, index)
    redis.call('ZADD', state_keys[state], index, index)
    redis.call('HINCRBY', job_key, counter, 1)
    added = added + 1
  end
end
if added > 0 then
  redis.call('HINCRBY', job_key, 'done', added)
  redis.call('HSET', job_key, 'changed_at', now)
  if redis.call('HEXISTS', job_key, 'accepted') == 1 then
    redis.call('DECRBY', pending_key, added)
  end
  if #mark > 0 then note_mark(job_key, marks_key, unpack(mark)) end
  finish_if_done(job_key, unfinished_key, marks_key, job_id, now)
end
keep(job_key, job_keys, ttl_s)
return added
