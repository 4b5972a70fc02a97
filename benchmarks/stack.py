"""The whole service as processes, with CPU time measured during ingest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import own_process
from benchmarks.photographs import WARM_UP_FIRST, Photographs
from benchmarks.process_usage import Session
from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from tests.support.polling import ready
from tests.support.services import Stack, Worker
from tests.support.services.process import Service

# Pictures of the warm-up: enough for a full batch of each size the model uses.
_WARM_UP_PICTURES = 200
# Seconds to wait for the service to become ready, on a busy machine.
_READY_S = 120.0
# Most ids in one check request.
_IDS_PER_CHECK = 10_000
# Seconds between heartbeats, as in production; tests use a shorter interval.
_HEARTBEAT_S = "5"


class NotSearchable(RuntimeError):
    """Pictures of succeeded jobs were not found."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result of uploading pictures.

    Attributes:
        pictures: Number of pictures.
        seconds: From the first byte to the last picture searchable.
        sent_s: From the first byte to the last upload's response.
        cpu_ms: CPU milliseconds per picture, by part.
    """

    pictures: int
    seconds: float
    sent_s: float
    cpu_ms: dict[str, float]

    @property
    def per_s(self) -> float:
        """Pictures per second."""
        return self.pictures / self.seconds

    def view(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "images": self.pictures,
            "images_per_s": self.per_s,
            "seconds": self.seconds,
            "sent_s": self.sent_s,
            "cpu_ms_per_image": self.cpu_ms,
            "cpu_ms_per_image_in_all": sum(self.cpu_ms.values()),
        }


class FreeWorker(Worker):
    """Runs ``benchmarks.free_worker``."""

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        return [self.python, "-m", "benchmarks.free_worker", self.queue]


class WatchedStack(Stack):
    """A whole Glimpse whose parts' CPU time is measured.

    Args:
        folder: Data folder of all parts.
        settings: ``GLIMPSE_*`` variables in addition to the parts' addresses.
        photos: Folder of the photographs that are uploaded.
        workers: Class of the workers that consume the queues.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        photos: Path,
        workers: type[Worker] = Worker,
    ) -> None:
        super().__init__(folder, {"GLIMPSE_HEARTBEAT_S": _HEARTBEAT_S, **settings})
        self.search_worker = workers(folder / "search", self.settings, SEARCH_QUEUE)
        self.ingest_worker = workers(folder / "ingest", self.settings, INGEST_QUEUE)
        self._photos = photos
        self._photographs = Photographs.read(photos)

    def warm_up(self) -> None:
        """Wait until ready, then ingest pictures so that every part and batch size is warm."""
        ready(self.client, _READY_S)
        # A quick run has few photographs, and no need of more.
        self.ingest(WARM_UP_FIRST, min(_WARM_UP_PICTURES, len(self._photographs)))

    def ingest(self, first: int, count: int) -> Ingested:
        """Upload pictures, wait until they are searchable, and verify it.

        Raises:
            NotSearchable: A picture is not searchable.
        """
        sessions = self.sessions()
        before = {name: session.cpu_s() for name, session in sessions.items()}
        seen = own_process.run(
            "benchmarks.ingest.client",
            url=self.api.url,
            photos=self._photos,
            first=first,
            count=count,
        )
        spent = {name: session.cpu_s() - before[name] for name, session in sessions.items()}
        spent["client"] = seen["cpu_s"]
        self._check(first, count)
        cpu_ms = {name: 1000 * seconds / count for name, seconds in spent.items()}
        return Ingested(count, seen["seconds"], seen["sent_s"], cpu_ms)

    def sessions(self) -> dict[str, Session]:
        """Return the parts by name."""
        parts: dict[str, Service] = {
            "api": self.api,
            "ingest_worker": self.ingest_worker,
            "search_worker": self.search_worker,
            "valkey": self.redis,
            "milvus": self.milvus,
        }
        return {name: Session(part.pid) for name, part in parts.items()}

    def _check(self, first: int, count: int) -> None:
        ids = list(self._photographs.ids(first, count))
        for start in range(0, len(ids), _IDS_PER_CHECK):
            asked = ids[start : start + _IDS_PER_CHECK]
            answer = self.client.post("/v1/images/check", json={"ids": asked})
            missing = answer.raise_for_status().json()["missing"]
            if missing:
                raise NotSearchable(f"{len(missing)} of {len(asked)} pictures, {missing[0]} first.")


@contextmanager
def running(workers: Sequence[Worker]) -> Iterator[None]:
    """Run further workers during the block; they are started in parallel."""
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(Worker.start, workers))
        yield
    finally:
        for worker in workers:
            worker.stop()
