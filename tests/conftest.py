"""Fixtures of all tests: real parts, started once, and the photographs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from tests.support.services import MilvusLite, MilvusServer, RedisServer, Service, Valkey

# No test asserts a time; a busy machine is slower than Hypothesis allows.
settings.register_profile("glimpse", deadline=None)
settings.load_profile("glimpse")

# The photographs that every checkout has beside it; they are no part of the project.
PHOTOS = Path(__file__).parent.parent.parent / "shared" / "photos"


def miss(reason: str) -> NoReturn:
    """Skip the test because a part is absent; in CI, where all must be present, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require(part: type[Service]) -> None:
    """Go on only where this part can be started; see ``miss``."""
    reason = part.absent()
    if reason is not None:
        miss(reason)


# One for each file: what waits in the queues of one would make the API of another refuse work.
@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    require(Valkey)
    with Valkey(tmp_path_factory.mktemp("valkey")) as service:
        yield service


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    require(RedisServer)
    with RedisServer(tmp_path_factory.mktemp("redis")) as service:
        yield service


@pytest.fixture(scope="session")
def milvus_lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusLite]:
    require(MilvusLite)
    with MilvusLite(tmp_path_factory.mktemp("milvus_lite")) as service:
        yield service


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    require(MilvusServer)
    with MilvusServer(tmp_path_factory.mktemp("milvus_server")) as service:
        yield service


@pytest.fixture(scope="session")
def photos() -> Path:
    """Folder of 990 JPEGs in 99 folders named after what they show."""
    if not PHOTOS.is_dir():
        miss("the photographs are not beside the checkout (../shared/photos)")
    return PHOTOS
