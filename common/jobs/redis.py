"""Job records in Redis, shared by the API and all workers.

A job has these keys: a hash of its counters and times, a list of its items in order
(``common/jobs/items.py``), and a string with a letter for each item's state, beside a hash of the
failures (``common/jobs/states.py``). Records of version 1 are read and completed in their own form.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from redis import Redis

from common.broker.prepared import PreparedTask
from common.contract import Outcome
from common.errors import NotFound
from common.jobs.base import COUNTERS, Item, ItemState, Job, JobState, not_open
from common.jobs.fields import job_key, read_job, text_of, write_job
from common.jobs.items import pack_item, read_items
from common.jobs.list import LIST_PREFIX, LISTS, RedisJobList
from common.jobs.states import CHANGED, PackedStates, States, StatesOfVersion1
from common.read_marks.base import ReadMark
from common.read_marks.redis import TIMES_KEY
from common.redis.client import broker_call
from common.redis.scripts import RedisScript, Value
from common.redis.time import seconds
from common.webhooks.redis import WEBHOOKS_PREFIX

# Seconds until a record expires if its job is not accepted.
_UNACCEPTED_TTL_S = 3600
# Maximum number of items per command, so that no command is large.
_ITEMS_PER_COMMAND = 1000
# Jobs that one script checks, and scripts per call of ``recount``.
_AUDITED, _AUDITS = 100, 100
# Jobs read per command.
_PAGE = 500

# Keys that all jobs share: the ids of accepted, unfinished jobs by creation time, the number of
# accepted images without an outcome, how many of them each job has, and how far the audit is.
_UNFINISHED, PENDING_KEY = "glimpse:jobs:unfinished", "glimpse:jobs:pending"
_OPEN, _AUDITED_KEY = "glimpse:jobs:open", "glimpse:jobs:audited"
# The number of pending images by tenant, in a hash.
PENDING_BY_TENANT_KEY = f"{PENDING_KEY}:tenants"
# The open jobs by the time of their last addition.
_ADDITIONS = "glimpse:jobs:additions"
# Prefix of the key of a tenant's open jobs by name.
_NAMES_PREFIX = "glimpse:jobs:names:"
# Prefix of the key of a tenant's unfinished jobs, by when a task of theirs last entered a queue.
QUEUED_PREFIX = "glimpse:jobs:queued:"

# The parts of a record, and those of a record of version 1.
_PARTS = ("items", "states", "failures")
_PARTS_OF_VERSION_1 = (
    *("outcomes", "begun", "queued"),
    *("indexed", "duplicate", "failed", "cancelled"),
)


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
        self._start = RedisScript(redis, "common/jobs/lua/start.lua")
        self._accept = RedisScript(redis, "common/jobs/lua/accept.lua")
        self._extend = RedisScript(redis, "common/jobs/lua/extend.lua")
        self._add = RedisScript(redis, "common/jobs/lua/add.lua")
        self._complete = RedisScript(redis, "common/jobs/lua/complete.lua")
        self._begin = RedisScript(redis, "common/jobs/lua/begin.lua")
        self._cancel = RedisScript(redis, "common/jobs/lua/cancel.lua")
        self._record = RedisScript(redis, "common/jobs/lua/record.lua")
        self._report = RedisScript(redis, "common/jobs/lua/report.lua")
        self._audit = RedisScript(redis, "common/jobs/lua/audit.lua")

    @broker_call
    def ping(self) -> None:
        """Return once Redis answers."""
        self._redis.ping()

    @broker_call
    def start(
        self,
        job: Job,
        items: Sequence[tuple[str, str]],
        failed: Sequence[Outcome],
        tasks: Sequence[PreparedTask],
    ) -> Job:
        """Write a record, put its tasks into their queues and accept the job, atomically."""
        job = replace(job, tags=tuple(job.tags), failed=len(failed))
        packed = [pack_item(*item) for item in items]
        found = self._run(
            self._start,
            job.id,
            list_key=LIST_PREFIX + job.tenant,
            tenant=job.tenant,
            created_at=job.created_at,
            waiting=len(items) - len(failed),
            fields=_in_turn((name, text_of(value)) for name, value in write_job(job).items()),
            states=_states_of(len(items), failed),
            failures=_in_turn((each.index, _recorded(each)[3]) for each in failed),
            tasks=_in_turn((task.queue, task.message) for task in tasks),
            lengths=[len(item) for item in packed],
            items=b"".join(packed),
        )
        return _read(job.id, found) if found else job

    @broker_call
    def create(self, job: Job, items: Sequence[tuple[str, str]]) -> None:
        """Write a new record in one transaction."""
        key = job_key(job.id)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(key, mapping=write_job(job))
        for start in range(0, len(items), _ITEMS_PER_COMMAND):
            page = items[start : start + _ITEMS_PER_COMMAND]
            pipe.rpush(f"{key}:items", *(pack_item(*item) for item in page))
        if items:
            pipe.set(f"{key}:states", "q" * len(items))
        # Only these keys exist so far; the others get their time to live when they are written.
        for name in (key, f"{key}:items", f"{key}:states") if items else (key,):
            pipe.expire(name, _UNACCEPTED_TTL_S)
        pipe.execute()

    @broker_call
    def accept(self, job_id: str) -> Job:
        """Keep the record for its full time, and read it in the same round trip."""
        return _read(job_id, self._run(self._accept, job_id, list_prefix=LIST_PREFIX))

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
            packed = [pack_item(*item) for item in page]
            added += self._run(self._extend, job_id, start=start + offset, items=packed)
        return added

    @broker_call
    def add(self, job_id: str, items: Sequence[tuple[str, str]]) -> list[int | None]:
        """Add images to an open job, a page at a time."""
        indices: list[int | None] = []
        for offset in range(0, len(items), _ITEMS_PER_COMMAND):
            packed = [pack_item(*item) for item in items[offset : offset + _ITEMS_PER_COMMAND]]
            found = cast("list[int] | None", self._run(self._add, job_id, items=packed))
            if found is None:
                # Upkeep sends the tasks of earlier pages.
                raise not_open(self.get(job_id))
            indices += [None if index < 0 else index for index in found]
        return indices

    @broker_call
    def find_open(self, tenant: str, name: str) -> Job | None:
        """Return the open job that was opened last under this name."""
        job_id = cast("str | None", self._redis.hget(_NAMES_PREFIX + tenant, name))
        fields = job_id and cast("dict[str, str]", self._redis.hgetall(job_key(job_id)))
        job = read_job(job_id, fields) if job_id and fields else None
        return job if job and job.is_open else None

    @broker_call
    def close_idle(self, idle_s: float) -> int:
        """Complete the open jobs without an addition for this many seconds."""
        before = seconds(self._redis.time()) - idle_s
        ids = cast("list[str]", self._redis.zrange(_ADDITIONS, "-inf", before, byscore=True))
        return sum(
            self._run(self._complete, job_id, skipped=json.dumps({}), idle_s=idle_s)
            for job_id in ids
        )

    @broker_call
    def complete(self, job_id: str, skipped: Mapping[str, int] | None = None) -> None:
        """End the growth of a job."""
        self._run(self._complete, job_id, skipped=json.dumps(skipped or {}), idle_s=0)

    @broker_call
    def requeued(self, job_id: str) -> None:
        """Note that a task of the job has entered a queue."""
        tenant = cast("str | None", self._redis.hget(job_key(job_id), "tenant"))
        if tenant is not None:
            now = seconds(self._redis.time())
            self._redis.zadd(QUEUED_PREFIX + tenant, {job_id: now}, xx=True)

    @broker_call
    def tenants(self) -> list[str]:
        """Return the tenants that may have unfinished jobs."""
        return list(cast("set[str]", self._redis.smembers(LISTS)))

    @broker_call
    def overdue(self, tenant: str, queued_before: float, unchanged_s: float) -> list[str]:
        """Return the unfinished jobs without a task in a queue that have not changed recently."""
        key, found, after = QUEUED_PREFIX + tenant, [], "-inf"
        while page := cast(
            "list[tuple[str, float]]",
            self._redis.zrange(
                key, after, queued_before, byscore=True, offset=0, num=_PAGE, withscores=True
            ),
        ):
            found += self._unchanged(key, [job_id for job_id, _ in page], unchanged_s)
            # Others with the same time are found once these have changed.
            after = f"({page[-1][1]!r}"
        return found

    def _unchanged(self, key: str, ids: Sequence[str], unchanged_s: float) -> list[str]:
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(job_key(job_id), "changed_at", "finished_at")
        pipe.zmscore(_UNFINISHED, list(ids))
        # Read the time last, so that no change is later.
        pipe.time()
        *changes, unfinished, time = pipe.execute()
        limit = seconds(time) - unchanged_s
        over = [
            job_id
            for job_id, (changed_at, finished_at), at in zip(ids, changes, unfinished, strict=True)
            if finished_at is not None or (changed_at is None and at is None)
        ]
        if over:
            # A process of an earlier version finished them. ``recount`` removes lost records.
            self._redis.zrem(key, *over)
        return [
            job_id
            for job_id, (changed_at, _) in zip(ids, changes, strict=True)
            if job_id not in over and changed_at is not None and float(changed_at) < limit
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
    def pending_of(self, tenant: str) -> int:
        """Return the number of a tenant's accepted images without an outcome."""
        found = self._redis.hget(PENDING_BY_TENANT_KEY, tenant)
        return max(0, int(cast("str | None", found) or 0))

    @broker_call
    def recount(self) -> None:
        """Check the next ten thousand jobs, in steps that take Redis about a millisecond."""
        for _ in range(_AUDITS):
            if not self._run(self._audit, "", job_prefix=job_key(""), limit=_AUDITED):
                return

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
        begun = self._read_states(job_id).begun([item.index for item in items])
        return [
            Outcome(index=item.index, id=item.id, state="cancelled")
            for item, is_begun in zip(items, begun, strict=True)
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
        indices = sorted(ids)
        states = zip(indices, self._read_states(job_id).at(indices), strict=True)
        return {
            index: Outcome(
                index=index,
                id=ids[index],
                state=at.state,
                code=at.code,
                detail=at.detail,
                changed=at.changed,
            )
            for index, at in states
            if at.state != "queued"
        }

    @broker_call
    def items(
        self, job_id: str, state: ItemState | None, limit: int, start: int = 0
    ) -> tuple[list[Item], int | None]:
        """Return up to ``limit`` items from index ``start``, and the index of the next page."""
        fields = cast("dict[str, str]", self._redis.hgetall(job_key(job_id)))
        total = _job(job_id, fields).total
        states = self._states(job_id, "packed" in fields)
        # One more than asked for starts the next page.
        if state is None:
            indices = list(range(start, min(start + limit + 1, total)))
        else:
            indices = states.find(state, start, limit + 1)
        following = indices[limit] if len(indices) > limit else None
        shown = indices[:limit]
        found = read_items(self._redis, f"{job_key(job_id)}:items", shown)
        items = [
            Item(index, *item, at.state, at.code, at.detail, at.changed)
            for index, item, at in zip(shown, found, states.at(shown, state), strict=True)
        ]
        if state != "queued" and "finished_at" not in fields:
            self._run(self._report, job_id)
        return items, following

    def _read_states(self, job_id: str) -> States:
        return self._states(job_id, bool(self._redis.hexists(job_key(job_id), "packed")))

    def _states(self, job_id: str, is_packed: bool) -> States:
        kind = PackedStates if is_packed else StatesOfVersion1
        return kind(self._redis, job_id)

    def _run(self, script: RedisScript, job_id: str, **args: Value) -> Any:
        """Run a script with the keys and arguments that its head names."""
        known = {**_keys(job_id), "job_id": job_id, "ttl_s": self._ttl_s}
        named = {name: value for name, value in known.items() if name in script.names}
        return script(**named, **args)


@broker_call
def pending_by_tenant(redis: Redis) -> dict[str, int]:
    """Return the numbers of accepted images without an outcome of the tenants that have any."""
    found = cast("dict[str, str]", redis.hgetall(PENDING_BY_TENANT_KEY))
    return {tenant: int(number) for tenant, number in found.items() if int(number) > 0}


def _read(job_id: str, reply: list[str]) -> Job:
    """Return the job whose hash a script returned: names and values in turn."""
    return _job(job_id, dict(zip(reply[::2], reply[1::2], strict=True)))


def _job(job_id: str, fields: Mapping[str, str]) -> Job:
    if not fields:
        raise NotFound(f"There is no job {job_id}, or it has expired.")
    return read_job(job_id, fields)


def _keys(job_id: str) -> dict[str, Value]:
    """Return a job's keys and what all jobs share, by their names in the scripts."""
    key = job_key(job_id)
    parts = {name: f"{key}:{name}" for name in (*_PARTS, *_PARTS_OF_VERSION_1)}
    return {
        "job_key": key,
        **{f"{name}_key": part for name, part in parts.items()},
        "job_keys": [key, *parts.values()],
        # Deleted when the job's growth ends, unlike its other keys.
        "ids_key": f"{key}:ids",
        "additions_key": _ADDITIONS,
        "names_prefix": _NAMES_PREFIX,
        "unfinished_key": _UNFINISHED,
        "pending_key": PENDING_KEY,
        "open_key": _OPEN,
        "audited_key": _AUDITED_KEY,
        "marks_key": TIMES_KEY,
        "tenants_key": LISTS,
        "queued_prefix": QUEUED_PREFIX,
        "webhooks_prefix": WEBHOOKS_PREFIX,
    }


def _in_turn(pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [value for pair in pairs for value in pair]


def _states_of(total: int, failed: Sequence[Outcome]) -> str:
    """Return the state letters of a new job's images: queued, or failed already."""
    letters = ["q"] * total
    for outcome in failed:
        letters[outcome.index] = outcome.state[0]
    return "".join(letters)


def _recorded(outcome: Outcome) -> list[str | int]:
    """Return an outcome as the script expects it."""
    text = json.dumps([outcome.state, outcome.code, outcome.detail])
    letter = CHANGED if outcome.changed else outcome.state[0]
    return [outcome.index, outcome.state, COUNTERS[outcome.state], text, letter]
