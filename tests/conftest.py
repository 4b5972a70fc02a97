"""Fixtures for all tests: shared real services, and the photographs."""

from __future__ import annotations

import atexit
import copy
import gc
import os
import shutil
import signal
import tempfile
import threading
import uuid
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from execnet import XSpec
from hypothesis import settings
from xdist.remote import Producer, WorkerInteractor
from xdist.scheduler import LoadFileScheduling

from tests.support.compiled import compile_ahead
from tests.support.memory import keep_files_in_memory
from tests.support.network import share_bridge
from tests.support.nodes import fork_nodes
from tests.support.reports import add_logs, report_less
from tests.support.services import (
    MilvusLite,
    MilvusServer,
    RedisServer,
    SeaweedFS,
    Service,
    Valkey,
)
from tests.support.services.forked import share_preforks, stand_in
from tests.support.services.milvus_server import PROGRAMS, unpack_milvus
from tests.support.services.seaweedfs import BUCKET

if TYPE_CHECKING:
    from common.blobs.bucket import Bucket

# A shell that starts the tests in the background lets them ignore SIGINT, and all that they start
# would inherit that; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# By default, torch's threads spin between two products, also on a core that another process
# needs: with as many processes as `make test` runs, up to ten times the products' CPU time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before it first compiles a model, torch compiles a program for each kind of vector instructions of
# the processor, to see whether the compiler knows them.
os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")
# What it compiles is the same for any number of threads, so that it is compiled once.
os.environ.setdefault("TORCHINDUCTOR_CPP_DYNAMIC_THREADS", "1")

# Importing its modules takes most of the start of a worker or an API, so that these are forked from
# processes that have done so. Some tests start the programs.
Service.forks = True

# No test asserts a time; on a busy machine, Hypothesis's default deadline is too short.
settings.register_profile("glimpse", deadline=None)
settings.load_profile("glimpse")

# Test folders in the order in which they run: slow files first, so that the many short ones fill
# the end, when processes run out of files. The files of folders that stand together are mixed, by
# their names: those of some mostly wait, and those of others keep the cores busy.
_ORDER = (("chaos", "contract", "e2e", "fuzz", "integration"), ("unit",))
# Files that share slow-starting services, or what torch compiles for a minute of CPU time, by what
# they share: one process runs all of a group.
_TOGETHER = {
    "compiled": ("tests/integration/test_backends.py", "tests/e2e/benchmarks/test_engines.py"),
    "page": ("tests/e2e/web/",),
    "seaweedfs": (
        "tests/e2e/test_s3.py",
        *("tests/integration/test_s3.py", "tests/integration/test_s3_start.py"),
        *("tests/contract/test_blobs.py", "tests/contract/test_repositories.py"),
    ),
    "shared_up": ("tests/e2e/test_cli.py", "tests/e2e/test_cli_resume.py"),
    "shared_stack": tuple(
        f"tests/e2e/test_{name}.py"
        for name in (
            *("archives", "bad_pictures", "client", "edits", "embeddings"),
            *("bench", "mcp", "read_your_writes", "searches", "webhooks"),
        )
    ),
}

# Objects made since the last look for garbage before Python looks again; its default is 700.
_NEW_OBJECTS = 10_000

# The photographs next to the checkout; they are not part of the project.
PHOTOS = Path(__file__).parent.parent.parent / "shared" / "photos"


def miss(reason: str) -> NoReturn:
    """Skip the test because a service is missing; in CI, where all must be present, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require(part: type[Service]) -> None:
    """Skip or fail the test if a service cannot be started; see ``miss``."""
    reason = part.absent()
    if reason is not None:
        miss(reason)


def pytest_configure(config: pytest.Config) -> None:
    """Make folders for what the parallel processes of `make test` and their benchmarks share."""
    if config.getoption("numprocesses", None):
        keep_files_in_memory()
    share_preforks()
    if PROGRAMS not in os.environ:
        folder = os.environ[PROGRAMS] = tempfile.mkdtemp(prefix="milvus-")
        config.add_cleanup(lambda: shutil.rmtree(folder))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage; never look for any in what was collected, else seldom.

    All of it lives until the end, and looking through it again and again takes a fifth of the CPU
    time of collecting, in each process.
    """
    gc.disable()
    collected = yield
    gc.freeze()
    # Tests make many objects and little garbage.
    gc.set_threshold(_NEW_OBJECTS)
    gc.enable()
    # Libraries complain of objects that are left at the end.
    atexit.register(gc.unfreeze)
    return collected


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests by folder, and by the names of their files."""
    positions = {folder: number for number, folders in enumerate(_ORDER) for folder in folders}

    def position(item: pytest.Item) -> tuple[int, str]:
        folder = item.path.relative_to(config.rootpath / "tests").parts[0]
        return positions.get(folder, len(_ORDER)), item.path.name

    items.sort(key=position)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[XSpec]) -> None:
    """Let the parallel processes of `make test` import the tests together, and share a network."""
    share_bridge(config)
    # What is imported before a fork would not be measured.
    if not config.pluginmanager.hasplugin("_cov"):
        fork_nodes(config, specs, share_preforks() / "nodes")
    # Meanwhile, one core of two has nothing else to do.
    begun = [threading.Thread(target=each) for each in (compile_ahead, stand_in, unpack_milvus)]
    for each in begun:
        each.start()
        config.add_cleanup(each.join)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the parallel processes of `make test` report only what is shown at the end."""
    for plugin in session.config.pluginmanager.get_plugins():
        if isinstance(plugin, WorkerInteractor):
            report_less(plugin)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the services' logs with a failure."""
    report = yield
    add_logs(item, report)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Distribute the files to the parallel processes of `make test`, in order."""
    config.option.loadscopereorder = False
    return Files(config, log)


class Files(LoadFileScheduling):
    """Schedules file by file; files that share services count as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((what for what, files in _TOGETHER.items() if file.startswith(files)), file)


# One per file: tasks queued by one file would make the API of another refuse uploads.
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


# One per file: it takes a tenth of a core even if nothing uses it.
@pytest.fixture(scope="module")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    require(MilvusServer)
    folder = tmp_path_factory.mktemp("milvus_server")
    with MilvusServer(folder) as service:
        yield service
    # A quarter of a gigabyte, which would stay until all tests have run.
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    require(SeaweedFS)
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as service:
        yield service


@pytest.fixture(scope="session")
def _connected(seaweedfs: SeaweedFS) -> Bucket:
    """A bucket whose client is shared, since it takes a while to create one."""
    from common.blobs.bucket import Bucket

    bucket = Bucket(BUCKET)
    with pytest.MonkeyPatch.context() as environ:
        for name, value in seaweedfs.settings("").items():
            environ.setenv(name, value)
        assert bucket.get("nothing") is None
    return bucket


@pytest.fixture
def bucket(_connected: Bucket) -> Bucket:
    """A part of the bucket that is a test's own."""
    bucket = copy.copy(_connected)
    bucket.prefix = f"{uuid.uuid4().hex}/"
    return bucket


@pytest.fixture(scope="session")
def photos() -> Path:
    """Folder of 990 JPEGs in 99 folders named after their subject."""
    if not PHOTOS.is_dir():
        miss("the photographs are not beside the checkout (../shared/photos)")
    return PHOTOS
