-- Notes what the owner of an overtaken image has left in the store, so that late writes can be
-- corrected: a list of the row's job ('' for no row) and an edited row's record (or ''), or an empty
-- list if there is nothing to note. The record is kept until a row of another job is left.
local function leave(claim_key, left)
  if #left == 0 or redis.call('HEXISTS', claim_key, 'overtaken') == 0 then return end
  local job_id, record = unpack(left)
  if redis.call('HGET', claim_key, 'left') ~= job_id then redis.call('HDEL', claim_key, 'record') end
  redis.call('HSET', claim_key, 'left', job_id)
  if record ~= '' then redis.call('HSET', claim_key, 'record', record) end
end
