"""Glimpse's own processes: the API and its workers, on services that a test may stop."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from tests.support.plain_http import PLAIN
from tests.support.services.milvus_lite import MilvusLite
from tests.support.services.milvus_server import MilvusServer
from tests.support.services.ports import free_port
from tests.support.services.process import Service
from tests.support.services.valkey import Valkey

# Timeout of the tests' HTTP client in seconds.
_HTTP_TIMEOUT_S = 60.0


class GlimpseProcess(Service):
    """A process configured by environment variables.

    Args:
        folder: Folder of its log.
        settings: Its ``GLIMPSE_*`` variables.
    """

    start_s = 90.0
    stop_s = 40.0
    # The folder of its code, and the Python that runs it.
    root = Path(__file__).parent.parent.parent.parent
    python = sys.executable

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(folder)
        self.settings = dict(settings)

    @classmethod
    def absent(cls) -> str | None:
        return None

    def environ(self) -> dict[str, str]:
        # The process runs in its own folder and must find the project's packages.
        return {**self.settings, "PYTHONPATH": str(self.root)}


class Worker(GlimpseProcess):
    """A worker of one queue; it answers once it has logged that it is ready."""

    name = "worker"
    forked_from = "worker"

    def __init__(self, folder: Path, settings: Mapping[str, str], queue: str) -> None:
        super().__init__(folder, settings)
        self.queue = queue
        # Offset in the log at which this run begins, in bytes.
        self._log_start = 0

    def start(self) -> Self:
        # Ignore the log lines of earlier runs.
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        return super().start()

    def command(self) -> list[str]:
        return [self.python, "-m", "worker", "run", self.queue]

    def answers(self) -> bool:
        return b"ready." in self.log.read_bytes()[self._log_start :]


class Api(GlimpseProcess):
    """The API under gunicorn."""

    name = "api"
    forked_from = "api"

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings)
        self.url = f"http://{self.address}:{free_port()}"

    def command(self) -> list[str]:
        address = self.url.removeprefix("http://")
        gunicorn = [self.python, "-m", "gunicorn", "-c", "python:api.server.config"]
        return [*gunicorn, "--bind", address, "api.wsgi:app"]

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2, **PLAIN).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def two_apis(folder: Path, settings: Mapping[str, str]) -> Iterator[list[Api]]:
    """Run two APIs on the same services, and kill them afterwards."""
    apis = [Api(folder / name, settings) for name in ("a", "b")]
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(Api.start, apis))
        yield apis
    finally:
        for api in apis:
            api.kill()


class Stack:
    """A whole Glimpse: Valkey, Milvus, a worker for each queue, and the API.

    Args:
        folder: Data folder of all parts.
        settings: ``GLIMPSE_*`` variables in addition to the parts' addresses.
        milvus: Used instead of Milvus Lite.
        redis: Used instead of a Valkey without a password.
        ingests: Whether to start an ingest worker; a test may start its own.
        forked: Whether the tests may fork its workers and API, instead of starting the programs.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        milvus: MilvusServer | None = None,
        redis: Valkey | None = None,
        *,
        ingests: bool = True,
        forked: bool = True,
    ) -> None:
        self._ingests = ingests
        self.redis = redis or Valkey(folder / "redis")
        self.milvus = milvus or MilvusLite(folder / "milvus")
        self.settings = {
            "GLIMPSE_REDIS_URL": self.redis.url,
            "GLIMPSE_MILVUS_URI": self.milvus.uri,
            # No test cuts the power.
            "GLIMPSE_BLOBS_FSYNC": "false",
            "GLIMPSE_HEARTBEAT_S": "0.5",
            **settings,
        }
        if "GLIMPSE_BLOBS_URL" not in self.settings:
            self.settings.setdefault("GLIMPSE_BLOBS_DIR", str(folder / "blobs"))
        self.search_worker = Worker(folder / "search", self.settings, SEARCH_QUEUE)
        self.ingest_worker = Worker(folder / "ingest", self.settings, INGEST_QUEUE)
        self.api = Api(folder / "api", self.settings)
        if not forked:
            for part in (self.search_worker, self.ingest_worker, self.api):
                part.forked_from = None
        self.client = httpx.Client(base_url=self.api.url, timeout=_HTTP_TIMEOUT_S, **PLAIN)

    @property
    def parts(self) -> list[Service]:
        """All parts, in starting order."""
        return [self.redis, self.milvus, self.search_worker, self.ingest_worker, self.api]

    def __enter__(self) -> Self:
        try:
            for part in (self.redis, self.milvus):
                part.start()
            own = [self.search_worker, *([self.ingest_worker] * self._ingests), self.api]
            # In parallel, since loading models takes time.
            with ThreadPoolExecutor() as threads:
                list(threads.map(Service.start, own))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop every part: first, in parallel, the processes that use Redis and Milvus."""
        self.client.close()
        with ThreadPoolExecutor() as threads:
            list(threads.map(Service.stop, self.parts[2:]))
        for part in (self.milvus, self.redis):
            part.stop()
