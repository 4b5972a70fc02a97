"""Lists of each tenant's jobs by creation time, in Redis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import cast

from redis import Redis

from common.cursors import read_cursor, write_cursor
from common.jobs.base import Job, JobState
from common.jobs.fields import job_key, read_job

# The set of tenants that have a list, and the prefix of the key of a list.
LISTS, LIST_PREFIX = "glimpse:jobs:lists", "glimpse:jobs:list:"

# Number of jobs read per round trip.
_PAGE = 500
# Maximum number of jobs read for a page, however few of them it returns.
_READ_MAX = 5000


class RedisJobList:
    """Keeps a sorted set per tenant; reading it removes the ids of expired jobs.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def page(
        self, tenant: str, state: JobState | None, limit: int, cursor: str | None
    ) -> tuple[list[Job], str | None]:
        """Return a page of jobs, newest first, and the cursor of the next page."""
        shown: list[Job] = []
        for number, job in enumerate(self._newest(tenant, cursor, min(limit + 1, _PAGE)), 1):
            if state is None or job.state == state:
                if len(shown) == limit:
                    return shown, write_cursor(shown[-1].created_at, shown[-1].id)
                shown.append(job)
            if number == _READ_MAX:
                return shown, write_cursor(job.created_at, job.id)
        return shown, None

    def trim(self) -> None:
        """Remove expired jobs, from the oldest until a page of jobs has none.

        Jobs expire roughly in order of creation. An expired job that follows live ones may stay
        until ``page`` reads it.
        """
        for tenant in cast("set[str]", self._redis.smembers(LISTS)):
            key = LIST_PREFIX + tenant
            while ids := cast("list[str]", self._redis.zrange(key, 0, _PAGE - 1)):
                if None not in self._read(key, ids):
                    break

    def _newest(self, tenant: str, cursor: str | None, page: int) -> Iterator[Job]:
        """Iterate over the jobs by descending creation time, then by descending id."""
        key = LIST_PREFIX + tenant
        last = read_cursor(cursor) if cursor is not None else (math.inf, "")
        offset = 0
        while True:
            found = self._redis.zrange(
                key,
                last[0] if math.isfinite(last[0]) else "+inf",
                "-inf",
                desc=True,
                byscore=True,
                offset=offset,
                num=page,
                withscores=True,
            )
            places = [(at, job_id) for job_id, at in cast("list[tuple[str, float]]", found)]
            jobs = self._read(key, [job_id for at, job_id in places if (at, job_id) < last])
            yield from (job for job in jobs if job is not None)
            if len(places) < page:
                return
            # More jobs with the same creation time may follow.
            is_tie = places[-1][0] == last[0]
            offset = offset + len(places) - jobs.count(None) if is_tie else 0
            last = min(last, places[-1])

    def _read(self, key: str, ids: Sequence[str]) -> list[Job | None]:
        """Return the jobs with these ids; expired ones are None and removed from the list."""
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hgetall(job_key(job_id))
        fields = pipe.execute() if ids else []
        jobs = [
            read_job(job_id, found) if found else None
            for job_id, found in zip(ids, fields, strict=True)
        ]
        expired = [job_id for job_id, job in zip(ids, jobs, strict=True) if job is None]
        if expired:
            self._redis.zrem(key, *expired)
        return jobs
