-- A job's mark is the read mark as of which its images are found so far, in the fields `collection`
-- and `mark`. Include common/read_marks/lua/_advance.lua first.

-- Raises the collection's read mark to the job's.
local function raise_mark(job_key, marks_key)
  local collection, time = unpack(redis.call('HMGET', job_key, 'collection', 'mark'))
  if not time then return end
  advance_mark(marks_key, collection, time)
  redis.call('HDEL', job_key, 'collection', 'mark')
end

-- Raises the job's mark to a time. After a switch to another model, the collection is another one.
local function note_mark(job_key, marks_key, collection, time)
  local noted, noted_time = unpack(redis.call('HMGET', job_key, 'collection', 'mark'))
  if noted == collection and noted_time >= time then return end
  if noted and noted ~= collection then raise_mark(job_key, marks_key) end
  redis.call('HSET', job_key, 'collection', collection, 'mark', time)
end
