-- Notes what the owner of an overtaken image has left in the store, so that late writes can be
-- corrected: the row's job, '' for no row. The record of an edited row is kept until a row of
-- another job is left.
local function leave(claim_key, job_id, record)
  if redis.call('HEXISTS', claim_key, 'overtaken') == 0 then return end
  if redis.call('HGET', claim_key, 'left') ~= job_id then redis.call('HDEL', claim_key, 'record') end
  redis.call('HSET', claim_key, 'left', job_id)
  if record ~= '' then redis.call('HSET', claim_key, 'record', record) end
end
