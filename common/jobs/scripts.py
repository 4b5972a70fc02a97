"""The steps of job records that Redis takes as one.

KEYS of each script begin with those of ``common.jobs.redis``: the job's
hash, its items, outcomes, the indices begun, then a sorted set for each state;
behind them come the two keys that all jobs share, the unfinished jobs and the
number of pending images.

ARGV of each but ``RECOUNT`` begin with the job's id and its time to live in seconds. Times
are Redis's own: API and workers, who write them, may have other clocks.
"""

from common.redis_time import NOW_LUA

# Job records have their times in seconds.
_NOW = NOW_LUA + "now = now / 1000"

# Behind the keys of a job: the sorted set of unfinished jobs, and the pending images.
_SHARED = (
    _NOW
    + """
local unfinished, pending = KEYS[#KEYS - 1], KEYS[#KEYS]
local function finish_if_done()
  local total, done = unpack(redis.call('HMGET', KEYS[1], 'total', 'done'))
  if redis.call('HEXISTS', KEYS[1], 'growing') == 1 or tonumber(done or 0) < tonumber(total) then
    return
  end
  redis.call('HSETNX', KEYS[1], 'finished_at', now)
  redis.call('ZREM', unfinished, ARGV[1])
end
local function keep(ttl)
  if redis.call('HEXISTS', KEYS[1], 'accepted') == 0 then ttl = redis.call('TTL', KEYS[1]) end
  for i = 1, #KEYS - 2 do redis.call('EXPIRE', KEYS[i], ttl) end
end
"""
)

# Notes outcomes, each at most once, and finishes the job with its last one.
# ARGV: those, then for each outcome its index, counter, number of its set, and JSON.
RECORD = (
    _SHARED
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local added = 0
for i = 3, #ARGV, 4 do
  if redis.call('HSETNX', KEYS[3], ARGV[i], ARGV[i + 3]) == 1 then
    redis.call('ZREM', KEYS[5], ARGV[i])
    redis.call('ZADD', KEYS[5 + ARGV[i + 2]], ARGV[i], ARGV[i])
    redis.call('HINCRBY', KEYS[1], ARGV[i + 1], 1)
    added = added + 1
  end
end
if added > 0 then
  redis.call('HINCRBY', KEYS[1], 'done', added)
  redis.call('HSET', KEYS[1], 'changed_at', now)
  if redis.call('HEXISTS', KEYS[1], 'accepted') == 1 then
    redis.call('DECRBY', pending, added)
  end
  finish_if_done()
end
keep(ARGV[2])
return added
"""
)

# Keeps the record for its full time, counts its images among the pending ones, puts the job on
# its tenant's list and returns its hash, empty where it has expired. ARGV: those, the key of
# the tenants that have lists, and what the key of a list begins with.
ACCEPT = (
    _SHARED
    + """
if redis.call('HSETNX', KEYS[1], 'accepted', 1) == 0 then
  return redis.call('HGETALL', KEYS[1])
end
local total, done, created, tenant =
  unpack(redis.call('HMGET', KEYS[1], 'total', 'done', 'created_at', 'tenant'))
if not total then
  redis.call('DEL', KEYS[1])
  return {}
end
redis.call('SADD', ARGV[3], tenant)
redis.call('ZADD', ARGV[4] .. tenant, created, ARGV[1])
redis.call('INCRBY', pending, total - (done or 0))
redis.call('ZADD', unfinished, created, ARGV[1])
redis.call('HSETNX', KEYS[1], 'changed_at', now)
finish_if_done()
keep(ARGV[2])
return redis.call('HGETALL', KEYS[1])
"""
)

# Adds items to a growing job, leaving out those whose index is taken already.
# ARGV: those, the index of the first item, then the items.
EXTEND = (
    _SHARED
    + """
if redis.call('HEXISTS', KEYS[1], 'growing') == 0 then return 0 end
local length, added = redis.call('LLEN', KEYS[2]), 0
for i = 4, #ARGV do
  local index = ARGV[3] + i - 4
  if index == length then
    redis.call('RPUSH', KEYS[2], ARGV[i])
    redis.call('ZADD', KEYS[5], index, index)
    length, added = length + 1, added + 1
  end
end
if added > 0 then
  redis.call('HINCRBY', KEYS[1], 'total', added)
  redis.call('HSET', KEYS[1], 'changed_at', now)
  if redis.call('HEXISTS', KEYS[1], 'accepted') == 1 then
    redis.call('INCRBY', pending, added)
  end
end
keep(ARGV[2])
return added
"""
)

# Lets a job grow no more.
COMPLETE = (
    _SHARED
    + """
if redis.call('HDEL', KEYS[1], 'growing') == 1 then
  finish_if_done()
  keep(ARGV[2])
end
"""
)

# Notes the start of a job and the indices begun, unless it was cancelled; returns
# whether to go on. ARGV: those, then indices.
BEGIN = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end
if redis.call('HEXISTS', KEYS[1], 'cancel') == 1 then return 0 end
redis.call('HSETNX', KEYS[1], 'started_at', now)
redis.call('HSET', KEYS[1], 'changed_at', now)
if #ARGV > 2 then
  redis.call('SADD', KEYS[4], unpack(ARGV, 3))
  redis.call('EXPIRE', KEYS[4], ARGV[2])
end
return 1
"""
)

# Begins no more of a job and lets it grow no more.
CANCEL = (
    _SHARED
    + """
redis.call('HSET', KEYS[1], 'cancel', 1)
if redis.call('HDEL', KEYS[1], 'growing') == 1 then
  redis.call('HSET', KEYS[1], 'cut_short', 1)
  finish_if_done()
end
keep(ARGV[2])
"""
)

# Counts the pending images anew from the jobs themselves, and strikes those off the list
# of unfinished jobs whose records have expired. KEYS: the two shared ones; ARGV: what the
# key of a job begins with.
RECOUNT = """
local sum = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local total, done = unpack(redis.call('HMGET', ARGV[1] .. id, 'total', 'done'))
  if total then
    sum = sum + total - (done or 0)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
redis.call('SET', KEYS[2], sum)
"""
