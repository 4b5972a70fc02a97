"""Searches right after and beside writes of other processes, as of the read mark and strongly.

On a real Milvus server and a real Valkey. A writer is a process that does what an ingest worker
does after encoding: it writes rows, and notes in their job as of when they are found. A search
reads the marks as the API does, and the store as a search worker does.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from threading import Event

import numpy as np

from benchmarks.figures import Figure, Measured, latency_figures
from benchmarks.store.rows import TOP_K, Vectors, random_units, rows, write
from benchmarks.store.servers import new_store
from common.contract import DEFAULT_TENANT, Outcome
from common.jobs.base import Job
from common.jobs.redis import RedisJobs
from common.read_marks.redis import RedisReadMarks
from common.redis.client import connect
from tests.support.services import MilvusServer, Valkey
from worker.stores.as_of import reading_as_of
from worker.stores.base import Row
from worker.stores.milvus.store import MilvusStore

# Length of a vector, as of ViT-B/32.
_DIM = 512
_COLLECTION = "images__reads"
# Rows of a write by an ingest worker, and how many it writes per second: 640 images per second are
# more than most GPUs encode.
_BATCH, _BATCHES_PER_S = 64, 10
# Processes that write in turns.
_WRITERS = 2
# Searches as of the mark for each strong one, right after writing: misses are seldom, if any.
_MARKED_PER_STRONG = 5
# Two ways to upload: as one job, which does not end meanwhile, and as a job for each batch.
_LARGE, _SMALL = "beside a large job", "beside a job for each batch"
_LARGE_IMAGES = 100_000
# Maximum median of a search beside writes, in milliseconds.
_P50_MS_MAX = 15.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the measurements.

    Attributes:
        rows: Rows in the store before.
        fresh: Rows that are written and then searched for as of the mark.
        searches: Searches beside each way to upload, of each kind.
    """

    rows: int = 10_000
    fresh: int = 500
    searches: int = 100


_QUICK = Sizes(rows=200, fresh=5, searches=5)


class Writer:
    """Writes from a process of its own."""

    def __init__(self, milvus: str, redis: str) -> None:
        self._process = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_open, initargs=(milvus, redis)
        )

    def write(self, job_id: str, start: int, batch: Sequence[Row]) -> None:
        """Write the rows of a job from an index on, and record their outcomes."""
        self._process.submit(_write, job_id, start, batch).result()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown()


# The store and the job records, in a writer's process.
_opened: list[tuple[MilvusStore, RedisJobs]] = []


def _open(milvus: str, redis: str) -> None:
    with new_store(milvus, _COLLECTION, _DIM) as store:
        pass
    _opened.append((store, RedisJobs(connect(redis), ttl_s=3600)))


def _write(job_id: str, start: int, batch: Sequence[Row]) -> None:
    store, jobs = _opened[0]
    store.upsert(batch)
    outcomes = [
        Outcome(index=index, id=row.record.id, state="indexed")
        for index, row in enumerate(batch, start)
    ]
    jobs.record(job_id, outcomes, store.read_mark())


@dataclass
class Kind:
    """One way to read.

    Attributes:
        name: Its name.
        is_marked: Whether it is as of the read mark.
    """

    name: str
    is_marked: bool
    missed: int = 0
    # Milliseconds of each search in the store, by what happened meanwhile.
    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Service:
    """What the measurements use.

    Attributes:
        store: The store of a search worker.
        marks: The read marks.
        jobs: The job records.
        writers: Processes that write in turns.
        sizes: Sizes of the measurements.
        kinds: The kinds of read, measured in turns, so that they meet the same conditions.
        looks_ms: Milliseconds of each look at the marks.
        written: Number of the rows written.
    """

    store: MilvusStore
    marks: RedisReadMarks
    jobs: RedisJobs
    writers: Sequence[Writer]
    sizes: Sizes
    kinds: Sequence[Kind] = field(
        default_factory=lambda: [Kind("as of the mark", True), Kind("strong", False)]
    )
    looks_ms: list[float] = field(default_factory=list)
    written: int = 0

    def prepare(self) -> None:
        """Fill the store, and establish the mark as the first search does."""
        write(self.store, rows(random_units(self.sizes.rows, _DIM, seed=1)))
        self.written = self.sizes.rows
        mark = self.store.read_mark(fresh=True)
        if mark is None:
            raise RuntimeError("This Milvus does not tell its time.")
        self.marks.establish(mark, self.marks.read().epoch)

    def measure_right_after_writing(self) -> None:
        """Search for each row as soon as its job has ended; mostly as of the mark."""
        marked, strong = self.kinds
        kinds = [*[marked] * _MARKED_PER_STRONG, strong]
        fresh = random_units(self.sizes.fresh // _MARKED_PER_STRONG * len(kinds), _DIM, seed=2)
        # Each process writes for both kinds.
        writers = [writer for writer in self.writers for _ in kinds]
        for vector, kind, writer in zip(fresh, cycle(kinds), cycle(writers), strict=False):
            (row,) = self._next_rows(vector[np.newaxis])
            writer.write(self._begin_job(1), 0, [row])
            best = self._search(kind, "right after writing", vector)
            kind.missed += best != row.record.id

    def measure_beside_writes(self, name: str, images: int) -> None:
        """Search while batches are written at a steady rate, in jobs of some images each."""
        queries = random_units(self.sizes.searches * len(self.kinds), _DIM, seed=3)
        with self._writing(images):
            for query, kind in zip(queries, cycle(self.kinds), strict=False):
                self._search(kind, name, query)

    def _search(self, kind: Kind, name: str, vector: Vectors) -> str:
        """Search, note the milliseconds in the store, and return the best hit."""
        begun = time.perf_counter()
        times = self.marks.read().times if kind.is_marked else {}
        looked = time.perf_counter()
        with reading_as_of(times):
            hits = self.store.search(DEFAULT_TENANT, vector, TOP_K)
        kind.ms[name].append((time.perf_counter() - looked) * 1000)
        if kind.is_marked:
            self.looks_ms.append((looked - begun) * 1000)
        return hits[0].id

    @contextmanager
    def _writing(self, images: int) -> Iterator[None]:
        vectors = random_units(_BATCH, _DIM, seed=4)
        stopped = Event()

        def run() -> None:
            job_id, done = "", images
            for writer in cycle(self.writers):
                due = time.monotonic() + 1 / _BATCHES_PER_S
                if done == images:
                    job_id, done = self._begin_job(images), 0
                writer.write(job_id, done, self._next_rows(vectors))
                done += _BATCH
                if stopped.wait(max(0.0, due - time.monotonic())):
                    return

        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(run)
            yield
            stopped.set()
            writing.result()

    def _next_rows(self, vectors: Vectors) -> list[Row]:
        found = rows(vectors, first=self.written)
        self.written += len(found)
        return found

    def _begin_job(self, images: int) -> str:
        job = Job(uuid.uuid4().hex, DEFAULT_TENANT, images, created_at=time.time())
        self.jobs.create(job, [("0" * 64, "a.jpg")] * images)
        self.jobs.accept(job.id)
        return job.id


def measure(quick: bool) -> Measured:
    """Measure both kinds of read."""
    sizes = _QUICK if quick else Sizes()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        milvus = stack.enter_context(MilvusServer(folder / "milvus"))
        valkey = stack.enter_context(Valkey(folder / "valkey"))
        store = stack.enter_context(new_store(milvus.uri, _COLLECTION, _DIM))
        redis = stack.enter_context(connect(valkey.url))
        writers = [Writer(milvus.uri, valkey.url) for _ in range(_WRITERS)]
        for writer in writers:
            stack.callback(writer.close)
        jobs = RedisJobs(redis, ttl_s=3600)
        service = Service(store, RedisReadMarks(redis), jobs, writers, sizes)
        service.prepare()
        service.measure_right_after_writing()
        service.measure_beside_writes(_LARGE, _LARGE_IMAGES)
        service.measure_beside_writes(_SMALL, _BATCH)
    raw = [vars(kind) for kind in service.kinds]
    return Measured(_figures(service), raw)


def _figures(service: Service) -> list[Figure]:
    found = []
    for kind in service.kinds:
        found.append(
            Figure(f"{kind.name}: missed right after writing", kind.missed, "rows", at_most=0)
        )
        for name, ms in kind.ms.items():
            bound = _P50_MS_MAX if kind.is_marked and name == _LARGE else None
            found += latency_figures(f"{kind.name}: {name}", ms, bound)
    return [*found, *latency_figures("reading the marks", service.looks_ms)]
