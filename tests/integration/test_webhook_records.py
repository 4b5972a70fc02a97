"""What webhooks take in Redis, and for how long."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from common.webhooks.redis import RedisWebhooks
from tests.support.job_records import outcome
from tests.support.services import Valkey

URL = "https://example.com/hooks/glimpse"


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    with connect(valkey.url) as redis:
        redis.flushdb()
        yield redis


def ended(redis: Redis, url: str | None, ttl_s: int = 600) -> str:
    jobs = RedisJobs(redis, ttl_s)
    job = Job(uuid.uuid4().hex, "default", 1, time.time(), callback_url=url)
    jobs.create(job, [("0" * 64, "a.jpg")])
    jobs.accept(job.id)
    jobs.record(job.id, [outcome(0)])
    return job.id


def memory(redis: Redis, job_id: str) -> int:
    return sum(redis.memory_usage(key) for key in redis.keys(f"glimpse:job:{job_id}*"))


def test_a_delivery_lives_as_long_as_its_job(redis: Redis) -> None:
    job_id = ended(redis, URL, ttl_s=600)
    for key in (f"glimpse:job:{job_id}", f"glimpse:job:{job_id}:delivery"):
        assert 590 < redis.ttl(key) <= 600
    assert 590 < redis.ttl("glimpse:webhooks:list:default") <= 600
    assert memory(redis, job_id) - memory(redis, ended(redis, None)) < 500


def test_an_expired_delivery_leaves_nothing(redis: Redis) -> None:
    webhooks = RedisWebhooks(redis)
    gone, kept = ended(redis, URL), ended(redis, URL)
    redis.delete(f"glimpse:job:{gone}:delivery")
    claim = webhooks.claim(time.time() + 1, 60)
    assert claim is not None
    assert claim.delivery.id == kept
    assert webhooks.claim(time.time() + 1, 60) is None
    assert redis.zrange("glimpse:webhooks:due:default", 0, -1) == [kept]
    assert [each.id for each in webhooks.page("default", None, 10)[0]] == [kept]
    assert redis.zrange("glimpse:webhooks:list:default", 0, -1) == [kept]


def test_ten_thousand_deliveries_are_listed(redis: Redis) -> None:
    old = {f"{number:032x}": number for number in range(10_000)}
    redis.zadd("glimpse:webhooks:list:default", old)
    job_id = ended(redis, URL)
    listed = redis.zrange("glimpse:webhooks:list:default", 0, -1)
    assert (len(listed), listed[0], listed[-1]) == (10_000, f"{1:032x}", job_id)
