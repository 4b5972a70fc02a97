-- Removes a claim. If another owner has taken over the image, the hash is kept for `kept_s`
-- without an owner, with the job whose row is in the store, so that late writes can be corrected.
local function remove(claim_key, kept_s, job_id)
  if redis.call('HEXISTS', claim_key, 'overtaken') == 0 then
    redis.call('DEL', claim_key)
    return
  end
  redis.call('HDEL', claim_key, 'owner', 'until', 'attempts')
  if job_id then redis.call('HSET', claim_key, 'left', job_id) end
  redis.call('EXPIRE', claim_key, kept_s)
end
