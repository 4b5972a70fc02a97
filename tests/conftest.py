"""Fixtures of all tests: real parts, started once, and the photographs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.services import MilvusLite, MilvusServer, RedisServer, Service, Valkey

# No test asserts a time; a busy machine is slower than Hypothesis allows.
settings.register_profile("glimpse", deadline=None)
settings.load_profile("glimpse")

# Folders of tests in the order in which they run: the files that take long come first, so that the
# many short ones fill the end, when one process after the other has nothing left to begin.
_ORDER = ("chaos", "e2e", "integration", "contract", "fuzz", "unit")
# Files that share parts which take long to start, by what they share: one process runs all of them.
_TOGETHER = {
    "milvus_server": ("tests/contract/test_store", "tests/integration/test_partition_key"),
    "page": ("tests/e2e/web/",),
    "shared_stack": tuple(
        f"tests/e2e/test_{name}.py"
        for name in ("archives", "bad_pictures", "client", "read_your_writes", "searches")
    ),
}

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the folders into the order in which they run."""
    folders = [*_ORDER, ""]

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(config.rootpath / "tests").parts[0]
        return folders.index(folder if folder in folders else "")

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Hand the files to the processes that `make test` runs side by side, in their order."""
    config.option.loadscopereorder = False
    return Files(config, log)


class Files(LoadFileScheduling):
    """Hands out file after file; those that share parts, as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((what for what, files in _TOGETHER.items() if file.startswith(files)), file)


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
