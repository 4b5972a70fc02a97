"""Rate limits of a key, counted in a real Redis by several API processes."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect
from tests.conftest import require
from tests.support.plain_http import PLAIN
from tests.support.services import RedisServer, Valkey
from tests.support.services.glimpse import Api


@pytest.mark.parametrize("kind", [Valkey, RedisServer])
def test_a_count_is_one_for_all_processes_and_without_redis_nobody_gets_through(
    kind: type[Valkey | RedisServer], tmp_path: Path
) -> None:
    require(kind)
    with kind(tmp_path / "redis") as server:
        settings = {
            "GLIMPSE_REDIS_URL": server.url,
            "GLIMPSE_RATE_LIMIT": "8/day",
            "GLIMPSE_KEY_CACHE_S": "60",
            "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs"),
            "WEB_CONCURRENCY": "3",
        }
        token, key = issue("acme", "test", ["read"], time.time())
        with connect(server.url) as redis:
            RedisKeys(redis).add(key)
        with Api(tmp_path / "api", settings) as api:
            headers = {"Authorization": f"Bearer {token.text}"}
            # A new connection for each request, so that any process may answer it.
            statuses = [
                httpx.get(f"{api.url}/v1/jobs", headers=headers, **PLAIN).status_code
                for _ in range(10)
            ]
            assert statuses == [200] * 8 + [429] * 2
            server.kill()
            response = httpx.get(f"{api.url}/v1/jobs", headers=headers, **PLAIN)
            assert (response.status_code, response.json()["code"]) == (503, "broker_unavailable")
            assert "Retry-After" in response.headers
