-- Removes a claim. If another owner has taken over the image, the hash is kept for `kept_s`
-- without an owner, with the job whose row is in the store, so that late writes can be corrected.
-- The record of an edited row is kept until a row of another job is left.
local function remove(claim_key, kept_s, job_id, record)
  if redis.call('HEXISTS', claim_key, 'overtaken') == 0 then
    redis.call('DEL', claim_key)
    return
  end
  redis.call('HDEL', claim_key, 'owner', 'until', 'attempts')
  if job_id then
    if redis.call('HGET', claim_key, 'left') ~= job_id then redis.call('HDEL', claim_key, 'record') end
    redis.call('HSET', claim_key, 'left', job_id)
    if record ~= '' then redis.call('HSET', claim_key, 'record', record) end
  end
  redis.call('EXPIRE', claim_key, kept_s)
end
