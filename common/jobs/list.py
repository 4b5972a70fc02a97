"""The jobs of each tenant by the time they were created, in Redis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import cast

from redis import Redis

from common.cursors import read_cursor, write_cursor
from common.jobs.base import Job, JobState
from common.jobs.fields import job_key, read_job

# The tenants that have a list, and what the key of a list begins with.
LISTS, LIST_PREFIX = "glimpse:jobs:lists", "glimpse:jobs:list:"

# Jobs read at a time.
_PAGE = 500
# Jobs that are looked at for one page, at most, however few of them it shows.
_LOOKED_AT_MAX = 5000


class RedisJobList:
    """A sorted set for each tenant; ids of jobs that have expired are struck off on the way.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def page(
        self, tenant: str, state: JobState | None, limit: int, cursor: str | None
    ) -> tuple[list[Job], str | None]:
        """Return jobs, the newest first, and where to go on."""
        shown: list[Job] = []
        for number, job in enumerate(self._newest(tenant, cursor, min(limit + 1, _PAGE)), 1):
            if state is None or job.state == state:
                if len(shown) == limit:
                    return shown, write_cursor(shown[-1].created_at, shown[-1].id)
                shown.append(job)
            if number == _LOOKED_AT_MAX:
                return shown, write_cursor(job.created_at, job.id)
        return shown, None

    def trim(self) -> None:
        """Strike off what has expired, from the oldest jobs to the first that has not.

        Jobs expire roughly in their order. One that outlives younger ones hides them
        from here, but not from whoever reads the list.
        """
        for tenant in cast("set[str]", self._redis.smembers(LISTS)):
            key = LIST_PREFIX + tenant
            while ids := cast("list[str]", self._redis.zrange(key, 0, _PAGE - 1)):
                if None not in self._read(key, ids):
                    break

    def _newest(self, tenant: str, cursor: str | None, page: int) -> Iterator[Job]:
        """Go through the jobs, the newest first; those of one time in descending order."""
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
            # Of those that were created at one time some may be left.
            is_tie = places[-1][0] == last[0]
            offset = offset + len(places) - jobs.count(None) if is_tie else 0
            last = min(last, places[-1])

    def _read(self, key: str, ids: Sequence[str]) -> list[Job | None]:
        """Return jobs, None in the places of those that have expired, which are struck off."""
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hgetall(job_key(job_id))
        fields = pipe.execute() if ids else []
        jobs = [
            read_job(job_id, found) if found else None
            for job_id, found in zip(ids, fields, strict=True)
        ]
        gone = [job_id for job_id, job in zip(ids, jobs, strict=True) if job is None]
        if gone:
            self._redis.zrem(key, *gone)
        return jobs
