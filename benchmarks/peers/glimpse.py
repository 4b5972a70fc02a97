"""The same measurements of Glimpse, as whole service: its clients upload over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import httpx

from benchmarks import own_process
from benchmarks.peers.turns import Killed, Sizes, Turn
from benchmarks.photographs import Photographs
from benchmarks.process_usage import Others
from benchmarks.search import ingest
from benchmarks.stack import WatchedStack
from tests.support.plain_http import PLAIN
from tests.support.polling import wait_for
from tests.support.services import free_port
from tests.support.services.glimpse_up import GlimpseUp

# Number of the first sentence that is searched for; none is used twice in a run of the service.
_FIRST_SENTENCE = 1000
# Seconds for the ingest to come to its half, and to end after the kill.
_INGEST_S = 300.0
# Pictures that were embedded and then written, in a worker's metrics; probes of the model are not
# written.
_EMBEDDED = re.compile(r'^glimpse_batch_items_sum\{stage="writer"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The service with one worker for each queue, in its default settings.

    Attributes:
        photos: Folder of the photographs.
        variables: Variables that select the model.
        sizes: How many photographs and searches.
    """

    photos: Path
    variables: Mapping[str, str]
    sizes: Sizes
    name: str = "Glimpse"

    def turn(self) -> Turn:
        """Take the measurements of one round, in a new service."""
        others = Others()
        cold_s = self._cold_start_s()
        with TemporaryDirectory() as made, self._stack(Path(made)) as stack:
            stack.warm_up()
            done = stack.ingest(first=0, count=self.sizes.ingested)
            idle = self._search(stack, 0)
            with ingest.running(stack, self.photos, self.sizes.kept_busy):
                beside = self._search(stack, self.sizes.searches)
            peak = sum(part.peak_rss_mib() for part in stack.sessions().values())
        return Turn(cold_s, done.per_s, idle, beside, peak, others.cores())

    def killed(self) -> Killed:
        """Kill the ingest worker in the middle of an upload's job, and start it again."""
        count, port = self.sizes.killed, free_port()
        with TemporaryDirectory() as made, self._stack(Path(made)) as stack:
            worker = stack.ingest_worker
            worker.stop()
            worker.settings["GLIMPSE_METRICS_BIND"] = str(port)
            worker.start()
            with ThreadPoolExecutor(1) as thread:
                upload = thread.submit(self._upload, stack, count)
                wait_for(lambda: _embedded(port) >= count // 2, _INGEST_S, "half of the ingest")
                embedded = _embedded(port)
                worker.kill()
                worker.start()
                upload.result()
            return Killed(count, embedded, self._known(stack, count), _embedded(port))

    def _cold_start_s(self) -> float:
        with TemporaryDirectory() as made:
            up = GlimpseUp(Path(made), dict(self.variables))
            begun = perf_counter()
            with up:
                return perf_counter() - begun

    def _stack(self, folder: Path) -> WatchedStack:
        return WatchedStack(folder, self.variables, self.photos)

    def _search(self, stack: WatchedStack, after: int) -> list[float]:
        found: list[float] = own_process.run(
            "benchmarks.search.callers",
            url=stack.api.url,
            first=_FIRST_SENTENCE + after,
            count=self.sizes.searches,
        )["ms"]
        return found

    def _upload(self, stack: WatchedStack, count: int) -> None:
        own_process.run(
            "benchmarks.ingest.client", url=stack.api.url, photos=self.photos, count=count
        )

    def _known(self, stack: WatchedStack, count: int) -> int:
        ids = list(Photographs.read(self.photos).ids(0, count))
        answer = stack.client.post("/v1/images/check", json={"ids": ids})
        missing = answer.raise_for_status().json()["missing"]
        return count - len(missing)


def _embedded(port: int) -> int:
    """Return the number of pictures that the worker has embedded since its start."""
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", **PLAIN).raise_for_status().text
    found = _EMBEDDED.search(metrics)
    return int(float(found[1])) if found else 0
