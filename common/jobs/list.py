"""Lists of each tenant's jobs by creation time, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redis import Redis

from common.jobs.base import Job, JobState
from common.jobs.fields import job_key, read_job
from common.newest_first import NewestFirst

# The set of tenants that have a list, and the prefix of the key of a list.
LISTS, LIST_PREFIX = "glimpse:jobs:lists", "glimpse:jobs:list:"


class RedisJobList:
    """Keeps a sorted set per tenant; reading it removes the ids of expired jobs.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._list = NewestFirst(redis, self._read)

    def page(
        self, tenant: str, state: JobState | None, limit: int, cursor: str | None
    ) -> tuple[list[Job], str | None]:
        """Return a page of jobs, newest first, and the cursor of the next page."""
        return self._list.page(
            LIST_PREFIX + tenant, lambda job: state is None or job.state == state, limit, cursor
        )

    def trim(self) -> None:
        """Remove expired jobs, as ``NewestFirst.trim`` does."""
        for tenant in cast("set[str]", self._redis.smembers(LISTS)):
            self._list.trim(LIST_PREFIX + tenant)

    def _read(self, key: str, ids: Sequence[str]) -> list[Job | None]:
        del key
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hgetall(job_key(job_id))
        fields = pipe.execute() if ids else []
        return [
            read_job(job_id, found) if found else None
            for job_id, found in zip(ids, fields, strict=True)
        ]
