"""Webhooks while the processes that send them, and their Redis, are killed."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import pytest

from common.errors import BrokerUnavailable
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from common.webhooks.redis import RedisWebhooks
from tests.support.chaos.rounds import rounds
from tests.support.job_records import outcome
from tests.support.polling import wait_for
from tests.support.receiver import Receiver, status
from tests.support.services import Api, Valkey, two_apis

# Jobs that end in a round, and kills meanwhile.
_JOBS, _KILLS = 40, 4


@pytest.fixture
def apis(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Api]]:
    """Two API processes that send, and that hold a delivery for three seconds at most."""
    folder = tmp_path_factory.mktemp("apis")
    settings = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(folder / "blobs"),
        "GLIMPSE_LEASE_S": "1",
        "GLIMPSE_WEBHOOKS_ALLOW": "127.0.0.1/32",
        "GLIMPSE_WEBHOOKS_TIMEOUT_S": "2",
        "WEB_CONCURRENCY": "1",
    }
    with two_apis(folder, settings) as apis:
        yield apis


def slowly(handler: BaseHTTPRequestHandler) -> None:
    """Answer after a while, so that kills come between a message and its record."""
    time.sleep(0.1)
    status(204)(handler)


def end_job(jobs: RedisJobs, url: str) -> str:
    """End a job, as a worker does: again if Redis did not answer."""
    job = Job(uuid.uuid4().hex, "default", 1, time.time(), callback_url=url)
    for step in (
        lambda: jobs.create(job, [("0" * 64, "a.jpg")]),
        lambda: jobs.accept(job.id),
        lambda: jobs.record(job.id, [outcome(0)]),
    ):
        while True:
            with suppress(BrokerUnavailable):
                step()
                break
            time.sleep(0.05)
    return job.id


@pytest.mark.parametrize("kills_redis", [False, True], ids=["senders", "redis"])
def test_no_message_is_lost_however_often_senders_are_killed(
    valkey: Valkey, apis: list[Api], dice: random.Random, kills_redis: bool
) -> None:
    with connect(valkey.url) as redis, Receiver([slowly]) as receiver:
        jobs, webhooks = RedisJobs(redis, ttl_s=600), RedisWebhooks(redis)
        webhooks.rotate("default", time.time())
        for _ in range(rounds(1)):
            ids = [end_job(jobs, receiver.url) for _ in range(_JOBS)]
            for _ in range(_KILLS):
                time.sleep(dice.uniform(0.1, 0.6))
                victim = valkey if kills_redis else dice.choice(apis)
                victim.kill()
                ids += [] if kills_redis else [end_job(jobs, receiver.url)]
                victim.start()

            def all_settled(ids: list[str] = ids) -> bool:
                with suppress(BrokerUnavailable):
                    return all(webhooks.get("default", each).state == "delivered" for each in ids)
                return False

            wait_for(all_settled, 90, "all deliveries")
            assert set(ids) <= set(receiver.ids)
        # The doubles of a message are the same message.
        assert len({(each.id, each.body) for each in receiver.received}) == len(set(receiver.ids))
