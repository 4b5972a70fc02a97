"""Job records in Redis, shared by the API and all workers.

A job has these keys: a hash of its counters and times, a list of its items in order, a hash of
outcomes by index, a sorted set of indices per state, so that the cost of a page of failures depends
only on its length, and the set of indices that workers have started, which a cancellation skips.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis import Redis

from common.contract import Outcome
from common.errors import NotFound
from common.jobs.base import COUNTERS, Item, ItemState, Job, JobState
from common.jobs.fields import job_key, read_job, write_job
from common.jobs.list import LIST_PREFIX, LISTS, RedisJobList
from common.read_marks.base import ReadMark
from common.read_marks.redis import TIMES_KEY
from common.redis_client import broker_call
from common.redis_scripts import RedisScript, Value
from common.redis_time import seconds

# Seconds until a record expires if its job is not accepted.
_UNACCEPTED_TTL_S = 3600
# Maximum number of items per command, so that no command is large.
_ITEMS_PER_COMMAND = 1000

# Keys that all jobs share: the ids of accepted, unfinished jobs by creation time, and the number of
# accepted images without an outcome.
_UNFINISHED, PENDING_KEY = "glimpse:jobs:unfinished", "glimpse:jobs:pending"

# The sorted sets of a job.
_STATES: tuple[ItemState, ...] = ("queued", *COUNTERS)


class RedisJobs:
    """Stores job records in Redis.

    Args:
        redis: A client that decodes responses.
        ttl_s: Seconds that a record is kept after its last change.
    """

    def __init__(self, redis: Redis, ttl_s: int) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._list = RedisJobList(redis)
        self._accept = RedisScript(redis, "common/jobs/lua/accept.lua")
        self._extend = RedisScript(redis, "common/jobs/lua/extend.lua")
        self._complete = RedisScript(redis, "common/jobs/lua/complete.lua")
        self._begin = RedisScript(redis, "common/jobs/lua/begin.lua")
        self._cancel = RedisScript(redis, "common/jobs/lua/cancel.lua")
        self._record = RedisScript(redis, "common/jobs/lua/record.lua")
        self._recount = RedisScript(redis, "common/jobs/lua/recount.lua")

    @broker_call
    def ping(self) -> None:
        """Return once Redis answers."""
        self._redis.ping()

    @broker_call
    def create(self, job: Job, items: Sequence[tuple[str, str]]) -> None:
        """Write a new record in one transaction."""
        key = job_key(job.id)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(key, mapping=write_job(job))
        for start in range(0, len(items), _ITEMS_PER_COMMAND):
            page = items[start : start + _ITEMS_PER_COMMAND]
            pipe.rpush(f"{key}:items", *map(json.dumps, page))
            pipe.zadd(f"{key}:queued", {str(start + n): start + n for n in range(len(page))})
        # Only these keys exist so far; the others get their time to live when they are written.
        for name in (key, f"{key}:items", f"{key}:queued") if items else (key,):
            pipe.expire(name, _UNACCEPTED_TTL_S)
        pipe.execute()

    @broker_call
    def accept(self, job_id: str) -> Job:
        """Keep the record for its full time, and read it in the same round trip."""
        found = cast("list[str]", self._run(self._accept, job_id, list_prefix=LIST_PREFIX))
        # A script returns a hash as alternating names and values.
        return _job(job_id, dict(zip(found[::2], found[1::2], strict=True)))

    @broker_call
    def is_accepted(self, job_id: str) -> bool:
        """Return whether the job exists and all of its tasks were sent."""
        return bool(self._redis.hexists(job_key(job_id), "accepted"))

    @broker_call
    def extend(self, job_id: str, start: int, items: Sequence[tuple[str, str]]) -> int:
        """Add images to a growing job, a page at a time."""
        added = 0
        for offset in range(0, len(items), _ITEMS_PER_COMMAND):
            page = items[offset : offset + _ITEMS_PER_COMMAND]
            texts = [json.dumps(item) for item in page]
            added += self._run(self._extend, job_id, start=start + offset, items=texts)
        return added

    @broker_call
    def complete(self, job_id: str) -> None:
        """End the growth of a job."""
        self._run(self._complete, job_id)

    @broker_call
    def stalled(self, unchanged_s: float) -> list[str]:
        """Return the ids of accepted, unfinished jobs that have not changed recently."""
        ids = cast("list[str]", self._redis.zrange(_UNFINISHED, 0, -1))
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hget(job_key(job_id), "changed_at")
        # Read the time last, so that no change is later.
        pipe.time()
        *changes, time = pipe.execute()
        now = seconds(time)
        return [
            job_id
            for job_id, changed_at in zip(ids, changes, strict=True)
            if changed_at is not None and now - float(changed_at) > unchanged_s
        ]

    @broker_call
    def oldest_unfinished(self) -> float | None:
        """Return the creation time of the oldest accepted, unfinished job."""
        found = self._redis.zrange(_UNFINISHED, 0, 0, withscores=True)
        return next((at for _, at in cast("list[tuple[str, float]]", found)), None)

    @broker_call
    def pending(self) -> int:
        """Return the number of accepted images without an outcome."""
        return max(0, int(cast("str | None", self._redis.get(PENDING_KEY)) or 0))

    @broker_call
    def recount(self) -> None:
        """Recompute the number of pending images from the jobs."""
        self._recount(unfinished_key=_UNFINISHED, pending_key=PENDING_KEY, job_prefix=job_key(""))

    @broker_call
    def page(
        self, tenant: str, state: JobState | None, limit: int, cursor: str | None = None
    ) -> tuple[list[Job], str | None]:
        """Return a page of a tenant's accepted jobs, newest first."""
        return self._list.page(tenant, state, limit, cursor)

    @broker_call
    def trim(self) -> None:
        """Remove jobs whose records have expired from the lists."""
        self._list.trim()

    @broker_call
    def get(self, job_id: str) -> Job:
        """Return a job."""
        return _job(job_id, cast("dict[str, str]", self._redis.hgetall(job_key(job_id))))

    @broker_call
    def begin(self, job_id: str, indices: Sequence[int]) -> bool:
        """Record that a worker starts these images, unless the job was cancelled."""
        return bool(self._run(self._begin, job_id, indices=list(indices)))

    @broker_call
    def cancel(self, job_id: str) -> None:
        """Cancel images that no worker has started, a page at a time."""
        self.get(job_id)
        # From here on no worker starts any image of the job, so one pass finds all of them.
        self._run(self._cancel, job_id)
        following: int | None = 0
        while following is not None:
            items, following = self.items(job_id, "queued", _ITEMS_PER_COMMAND, following)
            self.record(job_id, self._not_started(job_id, items))

    def _not_started(self, job_id: str, items: Sequence[Item]) -> list[Outcome]:
        if not items:
            return []
        begun = self._redis.smismember(
            f"{job_key(job_id)}:begun", [str(item.index) for item in items]
        )
        return [
            Outcome(index=item.index, id=item.id, state="cancelled")
            for item, is_begun in zip(items, cast("list[int]", begun), strict=True)
            if not is_begun
        ]

    @broker_call
    def record(
        self, job_id: str, outcomes: Sequence[Outcome], mark: ReadMark | None = None
    ) -> None:
        """Record outcomes and raise the read mark atomically."""
        if outcomes:
            recorded = [_recorded(outcome) for outcome in outcomes]
            self._run(self._record, job_id, outcomes=recorded, mark=list(mark or ()))

    @broker_call
    def outcomes(self, job_id: str, ids: Mapping[int, str]) -> dict[int, Outcome]:
        """Return the outcomes recorded so far, by index."""
        if not ids:
            return {}
        found = self._redis.hmget(f"{job_key(job_id)}:outcomes", [str(index) for index in ids])
        outcomes: dict[int, Outcome] = {}
        for (index, image_id), text in zip(
            ids.items(), cast("list[str | None]", found), strict=True
        ):
            if text is not None:
                state, code, detail = json.loads(text)
                outcomes[index] = Outcome(
                    index=index, id=image_id, state=state, code=code, detail=detail
                )
        return outcomes

    @broker_call
    def items(
        self, job_id: str, state: ItemState | None, limit: int, start: int = 0
    ) -> tuple[list[Item], int | None]:
        """Return up to ``limit`` items from index ``start``, and the index of the next page."""
        total = self.get(job_id).total
        if state is None:
            return self._page(job_id, list(range(start, min(start + limit + 1, total))), limit)
        key = f"{job_key(job_id)}:{state}"
        found = self._redis.zrangebyscore(key, start, "+inf", start=0, num=limit + 1)
        return self._page(job_id, [int(index) for index in cast("list[str]", found)], limit)

    def _run(self, script: RedisScript, job_id: str, **args: Value) -> Any:
        """Run a script with the keys and arguments that its head names."""
        known = {**_keys(job_id), "job_id": job_id, "ttl_s": self._ttl_s}
        named = {name: value for name, value in known.items() if name in script.names}
        return script(**named, **args)

    def _page(self, job_id: str, indices: list[int], limit: int) -> tuple[list[Item], int | None]:
        """Read the items of up to ``limit`` indices; one more index starts the next page."""
        shown = indices[:limit]
        following = indices[limit] if len(indices) > limit else None
        return self._read(job_id, shown), following

    def _read(self, job_id: str, indices: Sequence[int]) -> list[Item]:
        if not indices:
            return []
        pipe = self._redis.pipeline(transaction=False)
        if indices[-1] - indices[0] == len(indices) - 1:
            pipe.lrange(f"{job_key(job_id)}:items", indices[0], indices[-1])
        else:
            for index in indices:
                pipe.lindex(f"{job_key(job_id)}:items", index)
        pipe.hmget(f"{job_key(job_id)}:outcomes", [str(index) for index in indices])
        *items, outcomes = pipe.execute()
        texts = items[0] if items and isinstance(items[0], list) else items
        return [_item(*parts) for parts in zip(indices, texts, outcomes, strict=True)]


def _job(job_id: str, fields: Mapping[str, str]) -> Job:
    if not fields:
        raise NotFound(f"There is no job {job_id}, or it has expired.")
    return read_job(job_id, fields)


def _keys(job_id: str) -> dict[str, Value]:
    """Return a job's keys and the shared keys, by their names in the scripts."""
    key = job_key(job_id)
    parts = {name: f"{key}:{name}" for name in ("items", "outcomes", "begun", *_STATES)}
    return {
        "job_key": key,
        **{f"{name}_key": part for name, part in parts.items()},
        "job_keys": [key, *parts.values()],
        "unfinished_key": _UNFINISHED,
        "pending_key": PENDING_KEY,
        "marks_key": TIMES_KEY,
        "tenants_key": LISTS,
    }


def _recorded(outcome: Outcome) -> list[str | int]:
    """Return an outcome as the script expects it: index, state, counter in the hash, JSON."""
    text = json.dumps([outcome.state, outcome.code, outcome.detail])
    return [outcome.index, outcome.state, COUNTERS[outcome.state], text]


def _item(index: int, text: str, outcome: str | None) -> Item:
    image_id, filename = json.loads(text)
    if outcome is None:
        return Item(index, image_id, filename)
    state, code, detail = json.loads(outcome)
    return Item(index, image_id, filename, state, code, detail)
