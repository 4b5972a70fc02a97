-- Records of version 1, written before records were packed, keep each image in several keys: a hash
-- of outcomes, a sorted set of indices for each state, and a set of the indices that were begun.
local function is_version_1(job_key)
  return redis.call('HEXISTS', job_key, 'packed') == 0
end

local function settle_version_1(job_key, index, state, text)
  if redis.call('HSETNX', job_key .. ':outcomes', index, text) == 0 then return false end
  redis.call('ZREM', job_key .. ':queued', index)
  redis.call('ZADD', job_key .. ':' .. state, index, index)
  return true
end
