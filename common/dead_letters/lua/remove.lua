-- Removes a dead letter, optionally only if it is of a given job.
--
-- Atomic, so that a letter that another job writes meanwhile is not lost.
--
-- Returns 1 if the letter was removed, else 0.
local letters_key = KEYS[1] -- hash: letters as JSON, by image
local times_key = KEYS[2] -- sorted set: images by the time of their letters
local image_id = ARGV[1]
local job_id = ARGV[2] -- '' for a letter of any job

local letter = redis.call('HGET', letters_key, image_id)
if not letter then return 0 end
if job_id ~= '' and cjson.decode(letter).job_id ~= job_id then return 0 end
redis.call('HDEL', letters_key, image_id)
redis.call('ZREM', times_key, image_id)
return 1
