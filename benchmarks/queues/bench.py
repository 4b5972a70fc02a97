"""One tool at work: its worker on a Valkey and a Milvus Lite, and what it indexed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import redis
from pymilvus import DataType, MilvusClient

from benchmarks.own_process import MeasureFailed, last_json
from benchmarks.process_usage import Session
from benchmarks.queues.tools import Setup, Tool
from tests.support.services import MilvusLite, Service, Valkey

_ROOT = Path(__file__).parent.parent.parent
# The collection and the hash of ``apps/work.py``, and the length of a vector.
_COLLECTION, _EMBEDDED, _DIM = "images", "embedded", 512
# Number of Redis's database for results.
_RESULTS_DB = 1
# Seconds between looks at what is done, and until a run that does not end has failed.
_POLL_S, _TIMEOUT_S = 0.1, 300.0


class NotDone(MeasureFailed):
    """A tool failed at its work; the message says how far it got."""


class ToolWorker(Service):
    """A tool's own worker program.

    Args:
        folder: Folder of its log.
        tool: The tool.
        python: The Python of its environment.
        variables: The surroundings of its app.
    """

    name = "worker"
    start_s = 60.0

    def __init__(self, folder: Path, tool: Tool, python: str, variables: Mapping[str, str]) -> None:
        super().__init__(folder)
        self._tool, self._python, self._variables = tool, python, dict(variables)

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        program, *arguments = self._tool.worker
        return [str(Path(self._python).parent / program), *arguments]

    def environ(self) -> dict[str, str]:
        """Return the surroundings of its app."""
        return {**self._variables, "PYTHONPATH": str(_ROOT)}

    def start(self) -> Self:
        """Start it, without the log of an earlier run."""
        self.log.unlink(missing_ok=True)
        return super().start()

    def answers(self) -> bool:
        """Return whether it has logged that it consumes."""
        return self._tool.ready in self.log.read_text(errors="replace")


class Bench:
    """A tool's worker and its services, running.

    Args:
        folder: Data folder of all parts.
        setup: The tool and its settings.
        pictures: Folder of the pictures, named by their numbers.
        lease_s: Seconds after which the work of a dead worker is due again.
    """

    def __init__(self, folder: Path, setup: Setup, pictures: Path, lease_s: int) -> None:
        self.setup = setup
        self._python = setup.tool.python()
        self._valkey, self._milvus = Valkey(folder / "redis"), MilvusLite(folder / "milvus")
        self._variables = {
            "QUEUES_BROKER": self._valkey.url,
            "QUEUES_RESULTS": self._valkey.url.removesuffix("/0") + f"/{_RESULTS_DB}",
            "QUEUES_MILVUS": self._milvus.uri,
            "QUEUES_PICTURES": str(pictures),
            "QUEUES_PER_TASK": str(setup.per_task),
            "QUEUES_LEASE_S": str(lease_s),
            **setup.variables,
        }
        self.worker = ToolWorker(folder / "worker", setup.tool, self._python, self._variables)

    def __enter__(self) -> Self:
        try:
            for part in (self._valkey, self._milvus):
                part.start()
            self._store = MilvusClient(uri=self._milvus.uri)
            _create_collection(self._store)
            self.worker.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for part in (self.worker, self._milvus, self._valkey):
            part.stop()

    def index(self, first: int, count: int) -> dict[str, Any]:
        """Send tasks for pictures; return the rate until all are searchable, and CPU times.

        Raises:
            NotDone: Not all pictures were indexed in time, or not all results stored.
        """
        sessions = {
            name: Session(part.pid)
            for name, part in (
                ("worker", self.worker),
                ("valkey", self._valkey),
                ("milvus", self._milvus),
            )
        }
        before = {name: session.cpu_s() for name, session in sessions.items()}
        rows, results = self.rows(), self._results()
        with ThreadPoolExecutor() as threads:
            sending = threads.submit(self.send, first, count)
            self.wait(lambda: self.rows() - rows >= count, _TIMEOUT_S)
            ended_at = time.time()
            tasks = -(-count // self.setup.per_task)
            self.wait(lambda: self._results() - results >= tasks, _TIMEOUT_S)
            sent = sending.result()
        spent = {name: session.cpu_s() - before[name] for name, session in sessions.items()}
        cpu_ms = {name: 1000 * s / count for name, s in {**spent, "client": sent["cpu_s"]}.items()}
        return {"images_per_s": count / (ended_at - sent["begun_at"]), "cpu_ms_per_image": cpu_ms}

    def send(self, first: int, count: int) -> dict[str, Any]:
        """Send tasks for pictures from a program of their own; return what it measured."""
        numbers = {"QUEUES_FIRST": str(first), "QUEUES_END": str(first + count)}
        environ = {**os.environ, **self._variables, **numbers, "PYTHONPATH": str(_ROOT)}
        return last_json([self._python, "-m", self.setup.tool.app], environ)

    def rows(self) -> int:
        """Return how many pictures are searchable."""
        found = self._store.query(
            _COLLECTION, filter="", output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(found[0]["count(*)"])

    def embedded(self) -> int:
        """Return how many pictures were embedded, each as often as it was."""
        with redis.Redis.from_url(self._valkey.url) as client:
            return sum(int(times) for times in client.hvals(_EMBEDDED))

    def _results(self) -> int:
        with redis.Redis.from_url(self._variables["QUEUES_RESULTS"]) as client:
            return int(client.dbsize())

    def wait(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Wait until something is done.

        Raises:
            NotDone: It took too long, or the worker has ended.
        """
        deadline = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline or not self.worker.running:
                tail = self.worker.log.read_text(errors="replace")[-500:]
                raise NotDone(f"{self.rows()} rows, {self._results()} results. Log: {tail}")
            time.sleep(_POLL_S)


def _create_collection(store: MilvusClient) -> None:
    schema = store.create_schema()
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=_DIM)
    index = store.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    store.create_collection(_COLLECTION, schema=schema, index_params=index)
