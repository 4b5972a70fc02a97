-- Records outcomes of a job's images, and finishes the job with the last one.
--
-- Atomic, so that an outcome changes its image's state, increments the counters and decrements the
-- number of pending images exactly once, however many tasks report it. The first outcome of an
-- image counts; later ones change nothing.
--
-- Returns the number of new outcomes.
--
-- @include common/lua/_now.lua
-- @include common/read_marks/lua/_advance.lua
-- @include common/jobs/lua/_mark.lua
-- @include common/webhooks/lua/_announce.lua
-- @include common/jobs/lua/_finish.lua
-- @include common/jobs/lua/_keep.lua
-- @include common/jobs/lua/_pending.lua
-- @include common/jobs/lua/_version_1.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local states_key = KEYS[2] -- string: a letter for the state of each image
local failures_key = KEYS[3] -- hash: the outcomes of failed images as JSON, by index
local unfinished_key = KEYS[4] -- sorted set: the unfinished jobs
local pending_key = KEYS[5] -- counter: the images of accepted jobs without an outcome
local open_key = KEYS[6] -- hash: the images that each unfinished job adds to that counter
local marks_key = KEYS[7] -- hash: read marks by collection
local job_keys = {unpack(KEYS, 8)} -- all keys of the job, which expire together
local job_id = ARGV[1]
local ttl_s = tonumber(ARGV[2])
local queued_prefix = ARGV[3] -- prefix of a tenant's jobs by the time a task was last queued
local outcomes = cjson.decode(ARGV[4]) -- each: index, state, counter in the hash, JSON, letter
local mark = cjson.decode(ARGV[5]) -- collection and time as of which the images are found; may be empty
local webhooks_prefix = ARGV[6] -- prefix of what all webhooks share

if redis.call('EXISTS', job_key) == 0 then return 0 end
local now = now_ms() / 1000
local is_old = is_version_1(job_key)

local function settle(index, state, text, its_letter)
  if is_old then return settle_version_1(job_key, index, state, text) end
  local letter = redis.call('GETRANGE', states_key, index, index)
  -- Neither queued nor begun: the image has an outcome.
  if letter ~= 'q' and letter ~= 'b' then return false end
  redis.call('SETRANGE', states_key, index, its_letter)
  if its_letter == 'D' then redis.call('HINCRBY', job_key, 'changed', 1) end
  if state == 'failed' then redis.call('HSET', failures_key, index, text) end
  return true
end

local added = 0
for _, outcome in ipairs(outcomes) do
  local index, state, counter, text, its_letter = unpack(outcome)
  if settle(index, state, text, its_letter) then
    redis.call('HINCRBY', job_key, counter, 1)
    added = added + 1
  end
end
if added > 0 then
  redis.call('HINCRBY', job_key, 'done', added)
  redis.call('HSET', job_key, 'changed_at', now)
  if redis.call('HEXISTS', job_key, 'accepted') == 1 then
    count_pending(pending_key, open_key, job_key, job_id, -added)
  end
  if #mark > 0 then note_mark(job_key, marks_key, unpack(mark)) end
  finish_if_done(
    job_key, unfinished_key, open_key, marks_key, queued_prefix, webhooks_prefix, job_id, now, ttl_s)
end
keep(job_key, job_keys, ttl_s)
return added
