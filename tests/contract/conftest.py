"""Job records of every kind, for the suites that run over all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.jobs.base import JobRecords
from common.jobs.memory import MemoryJobs
from common.jobs.redis import RedisJobs
from common.redis_client import connect


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def jobs(request: pytest.FixtureRequest) -> Iterator[JobRecords]:
    if request.param == "memory":
        yield MemoryJobs()
        return
    client = connect(request.getfixturevalue(request.param).url)
    yield RedisJobs(client, ttl_s=600)
    client.close()
