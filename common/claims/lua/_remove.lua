-- Removes a claim. If another owner has taken over the image, the hash is kept for `kept_s`
-- without an owner, with what was left in the store.
local function remove(claim_key, kept_s)
  if redis.call('HEXISTS', claim_key, 'overtaken') == 0 then
    redis.call('DEL', claim_key)
    return
  end
  redis.call('HDEL', claim_key, 'owner', 'until', 'attempts')
  redis.call('EXPIRE', claim_key, kept_s)
end
