"""Fixtures of tests on a real stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from cli.main import run
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect
from tests.conftest import require
from tests.support.polling import ready
from tests.support.services import MilvusLite, Stack, Valkey
from tests.support.services.glimpse_up import GlimpseUp

# Settings for all files that share the stack: a killed worker's tasks are soon redelivered, an
# archive has many chunks, and searches expire soon.
_SHARED = {
    "GLIMPSE_WEBHOOKS_ALLOW": "127.0.0.1/32",
    "GLIMPSE_MODEL": "hashing",
    "GLIMPSE_LEASE_S": "3",
    "GLIMPSE_LEASE_SWEEP_S": "0.5",
    "GLIMPSE_CHUNK_IMAGES": "16",
    "GLIMPSE_SEARCH_TTL_S": "10",
    "GLIMPSE_PROMPT_TEMPLATE": "a photo of a {}",
    "GLIMPSE_LOG_FORMAT": "json",
    "GLIMPSE_LOG_NAMES": "false",
}


# Not for the session: its processes use a fortieth of a core while nothing uses them.
@pytest.fixture(scope="package")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack shared by several test files, each with its own tenant."""
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path_factory.mktemp("shared"), _SHARED) as stack:
        ready(stack.client)
        yield stack


@pytest.fixture(scope="package")
def shared_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GlimpseUp]:
    """A `glimpse up` shared by the files about its commands; the first file finds it empty."""
    require(Valkey)
    require(MilvusLite)
    with GlimpseUp(tmp_path_factory.mktemp("up")) as up:
        yield up


@pytest.fixture(scope="module")
def tenant(request: pytest.FixtureRequest) -> str:
    """The tenant of a test file."""
    return request.module.__name__.rpartition(".")[2]


@pytest.fixture(scope="module")
def api_key(shared_stack: Stack, tenant: str) -> str:
    """An API key of the file's tenant."""
    token, key = issue(tenant, "test", ["read", "write"], time.time())
    with connect(shared_stack.redis.url) as redis:
        RedisKeys(redis).add(key)
    return token.text


@pytest.fixture(scope="module")
def tenant_client(shared_stack: Stack, api_key: str) -> Iterator[httpx.Client]:
    """A client for the file's tenant on the shared stack."""
    headers = {"Authorization": f"Bearer {api_key}"}
    with httpx.Client(base_url=shared_stack.api.url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def make_key(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Factory of API keys, created with the operator's command."""
    monkeypatch.setenv("GLIMPSE_REDIS_URL", stack.redis.url)

    def make(tenant: str, *scopes: str) -> str:
        wanted = [word for scope in scopes for word in ("--scope", scope)]
        assert run(["keys", "create", "--tenant", tenant, "--name", "test", *wanted]) == 0
        return capsys.readouterr().out.strip()

    return make
