"""The steps on leases as Lua scripts: what Redis does in one go, nobody can come between.

`now` is the time of Redis in seconds, with microseconds. The keys are RQ's own, in the order
that each script names; `facepipe.stage.leases` fills them in.
"""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
"""

# Of a job's record, whatever somebody has put in its place.
_IS_RECORD = """
local function is_record(key) return redis.call('TYPE', key)['ok'] == 'hash' end
"""

BACKLOG = (
    _NOW
    + """
-- KEYS: started registry, intermediate queue, scheduled registry        ARGV: how many due jobs
return {
  time,
  redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'),
  redis.call('LRANGE', KEYS[2], 0, -1),
  redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[1]),
}
"""
)

TAKE = (
    _NOW
    + """
-- KEYS: started registry, intermediate queue, job, execution, executions of the job, worker,
--       executions of the worker
-- ARGV: job id, entry, execution id, worker, time as text, lease in seconds, seconds to keep
redis.call('HSET', KEYS[3], 'status', 'started', 'started_at', ARGV[5], 'last_heartbeat', ARGV[5],
  'worker_name', ARGV[4])
redis.call('PERSIST', KEYS[3])
redis.call('HSET', KEYS[4], 'id', ARGV[3], 'job_id', ARGV[1], 'worker_name', ARGV[4],
  'created_at', now, 'last_heartbeat', now)
redis.call('ZADD', KEYS[5], now + ARGV[7], ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[6], ARGV[2])
redis.call('HSET', KEYS[6], 'state', 'busy', 'last_heartbeat', ARGV[5])
redis.call('SADD', KEYS[7], ARGV[2])
for i = 4, 7 do redis.call('EXPIRE', KEYS[i], ARGV[7]) end
redis.call('LREM', KEYS[2], 1, ARGV[1])
"""
)

# All that RQ deletes with a job: other executions may be there still.
FINISH = """
-- KEYS: started registry, worker, executions of the worker, executions of the job, job, and what
--       else is the job's
-- ARGV: entry, what stands before an execution's id in its key, and in an entry, seconds worked
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
for _, id in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  redis.call('DEL', ARGV[2] .. id)
  redis.call('ZREM', KEYS[1], ARGV[3] .. id)
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
for i = 4, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('HINCRBY', KEYS[2], 'successful_job_count', 1)
redis.call('HINCRBYFLOAT', KEYS[2], 'total_working_time', ARGV[4])
redis.call('HSET', KEYS[2], 'state', 'idle')
return 1
"""

RENEW = (
    _NOW
    + """
-- KEYS: started registry, execution, executions of the job, worker, executions of the worker
-- ARGV: entry, execution id, lease in seconds, seconds to keep the records
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], 'XX', now + ARGV[4], ARGV[2])
for i = 2, 5 do redis.call('EXPIRE', KEYS[i], ARGV[4]) end
return 1
"""
)

GIVE_BACK = (
    _IS_RECORD
    + """
-- KEYS: started registry, job        ARGV: entry, reason
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], 0, ARGV[1])
if is_record(KEYS[2]) then
  redis.call('HSET', KEYS[2], 'given_back', ARGV[2])
end
return 1
"""
)

REFUSE = (
    _NOW
    + _IS_RECORD
    + """
-- KEYS: intermediate queue, failed registry, job unless its record is none of ours to touch
-- ARGV: job id, time as text, why, failure TTL
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
if not KEYS[3] then return 1 end
if not is_record(KEYS[3]) then redis.call('DEL', KEYS[3]) end
redis.call('HSET', KEYS[3], 'status', 'failed', 'ended_at', ARGV[2], 'exc_info', ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
"""
)

RECLAIM = (
    _NOW
    + _IS_RECORD
    + """
-- KEYS: started registry, intermediate queue, scheduled registry, queue, job, execution,
--       executions of the job, failed registry
-- ARGV: job id, entry ('' when the job never had a lease), execution id, time as text,
--       'final' or '', failure TTL
local id, entry = ARGV[1], ARGV[2]
local is_stray = redis.call('LPOS', KEYS[2], id)
if entry ~= '' then
  local score = redis.call('ZSCORE', KEYS[1], entry)
  if not score or tonumber(score) > now then return 'kept' end
elseif not is_stray then
  return 'kept'
end
local fields = {}
if is_record(KEYS[5]) then
  fields = redis.call('HMGET', KEYS[5], 'status', 'retries_left', 'given_back')
end
local status, left, reason = fields[1], tonumber(fields[2] or '') or 0, fields[3]
if not (left >= 0 and left <= 10) then left = 0 end -- none of ours has more
local is_abandoned = status and (is_stray or status == 'started'
  or (status == 'scheduled' and not redis.call('ZSCORE', KEYS[3], id)))
local counts = reason ~= 'shutdown' and reason ~= 'unsaved'
if is_abandoned and counts and left <= 0 and ARGV[5] == '' then return 'exhausted' end

if entry ~= '' then
  redis.call('ZREM', KEYS[1], entry)
  redis.call('DEL', KEYS[6])
  redis.call('ZREM', KEYS[7], ARGV[3])
end
redis.call('LREM', KEYS[2], 1, id)
if not is_abandoned then return 'dropped' end
-- An attempt that ends without a word, as when the kernel kills the supervisor as well for
-- memory, has the last known reason.
if not counts then redis.call('HDEL', KEYS[5], 'given_back') end
if ARGV[5] == 'final' then
  redis.call('HSET', KEYS[5], 'status', 'failed', 'ended_at', ARGV[4])
  redis.call('EXPIRE', KEYS[5], ARGV[6])
  redis.call('ZADD', KEYS[8], now + ARGV[6], id)
  return 'failed'
end
redis.call('HSET', KEYS[5], 'status', 'queued', 'enqueued_at', ARGV[4], 'worker_name', '')
local to_front = true
if counts then
  redis.call('HSET', KEYS[5], 'retries_left', left - 1)
  -- A job that was abandoned twice may be to blame itself: others go first.
  to_front = redis.call('HINCRBY', KEYS[5], 'abandoned', 1) < 2
end
redis.call(to_front and 'LPUSH' or 'RPUSH', KEYS[4], id)
return 'requeued'
"""
)

AFTER_JUMP = (
    _NOW
    + """
-- KEYS: started registry, scheduled registry        ARGV: lease and longest pause in seconds
for i = 1, 2 do
  local latest = string.format('%.6f', now + ARGV[i])
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. latest, '+inf')) do
    redis.call('ZADD', KEYS[i], latest, member)
  end
end
"""
)

START_DUE = (
    _NOW
    + _IS_RECORD
    + """
-- KEYS: scheduled registry, queue, job        ARGV: job id, time as text
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) > now then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
if not is_record(KEYS[3]) then return 0 end
redis.call('HSET', KEYS[3], 'status', 'queued', 'enqueued_at', ARGV[2])
redis.call('RPUSH', KEYS[2], ARGV[1])
return 1
"""
)
