-- Takes a step of the switch to a model: begin, hold, activate or refuse.
-- Atomic, so that a switch that was called off meanwhile takes no further step.
-- Returns 1 if the step was taken.
local roles_key = KEYS[1]
local model = ARGV[1]
local step = ARGV[2]
local switch = ARGV[3]

local function is_running()
  local text = redis.call('HGET', roles_key, 'switch')
  if not text then
    return nil
  end
  local found = cjson.decode(text)
  return found.state == 'running' and found.model
end

local running = is_running()
if step == 'begin' then
  if running and running ~= model then
    return 0
  end
elseif running ~= model then
  return 0
end

if step == 'hold' then
  redis.call('HSET', roles_key, 'following', model)
else
  redis.call('HSET', roles_key, 'switch', switch)
end
if step == 'activate' then
  redis.call('HSET', roles_key, 'active', model)
end
if step == 'activate' or step == 'refuse' then
  redis.call('HDEL', roles_key, 'following')
end
return 1
