"""Concurrent replays of a dead letter, over two real API processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from common.dead_letters.redis import RedisDeadLetters
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.letters import give_up
from tests.support.pictures import image_id, picture
from tests.support.services import Api, Valkey, two_apis

IMAGES = [picture(colour) for colour in ("red", "green", "blue", "teal", "plum")]
# Concurrent requests per image.
REQUESTS = 8


@pytest.fixture
def apis(valkey: Valkey, tmp_path: Path) -> Iterator[list[Api]]:
    """Two API processes with shared storage and no worker, so jobs stay queued."""
    settings = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
        "GLIMPSE_MAX_WAIT_S": "1000000",
        "WEB_CONCURRENCY": "1",
    }
    with two_apis(tmp_path, settings) as apis:
        yield apis


def test_replays_at_once_begin_one_job(apis: list[Api], valkey: Valkey, tmp_path: Path) -> None:
    for data in IMAGES:
        give_up(valkey.url, tmp_path / "blobs", data)

    def replay(number: int) -> httpx.Response:
        url = apis[number % 2].url
        data = IMAGES[number // REQUESTS]
        return httpx.post(f"{url}/v1/dead-letters/{image_id(data)}/replay", timeout=60)

    with ThreadPoolExecutor(REQUESTS) as threads:
        answers = list(threads.map(replay, range(REQUESTS * len(IMAGES))))
    for start in range(0, len(answers), REQUESTS):
        codes = [answer.status_code for answer in answers[start : start + REQUESTS]]
        assert codes.count(202) == 1
        assert set(codes) <= {202, 404, 409}
    with connect(valkey.url) as redis:
        assert RedisJobs(redis, 60).pending() == len(IMAGES)
        assert RedisDeadLetters(redis).count() == 0
