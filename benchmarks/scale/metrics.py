"""Metrics: what counting and timing cost the ingest, with a model that takes no time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.figures import Figure, Measured, middle
from benchmarks.free_worker import FreeEncoder
from benchmarks.scale.thumbnails import jpegs
from common.claims.memory import MemoryClaims
from common.contract import IngestChunk, Message, Outcome
from tests.support.ingest_bench import LEASE_S, Shared
from tests.support.pictures import image_id
from worker.batcher import no_report
from worker.decoders.inline import InlineDecoder
from worker.edits.editor import Editor
from worker.edits.photo import StoredPhotoInfo
from worker.ingest.chunks import ChunkIngest
from worker.ingest.isolation import Isolation
from worker.ingest.pictures import PictureReader
from worker.ingest.pipeline import IngestPipeline
from worker.late_writes.fence import Fence
from worker.metrics.instruments import WorkerMetrics
from worker.metrics.measured import (
    counted_jobs,
    measured_encoder,
    measured_pipeline,
    measured_store,
    measured_task,
)
from worker.wrapped import timed

# Pictures of a task, their size in pixels, and rounds; fewer in a quick run.
_PICTURES, _SIZE, _ROUNDS = (32, 2), (800, 600), (60, 2)
_PIXELS_MAX = 100_000_000
# Upper bound on the instruments' share of the processor time of an ingest, in percent.
_SHARE_MAX = 1.0

RunTask = Callable[[IngestChunk, str], Message]


def measure(quick: bool) -> Measured:
    """Ingest a chunk with and without instruments in turns; the first round only warms up."""
    files = jpegs(_PICTURES[quick], _SIZE)
    found: dict[str, list[float]] = {"with": [], "without": [], "alone": []}
    for number in range(_ROUNDS[quick] + 1):
        # In alternating order, so that neither is always the first.
        for name in sorted(("with", "without"), reverse=number % 2 == 1):
            found[name].append(_ingest_ms(files, WorkerMetrics() if name == "with" else None))
        found["alone"].append(_alone_ms(files))
    found = {name: values[1:] for name, values in found.items()}
    rounds = list(zip(found["with"], found["without"], strict=True))
    ratio = middle([after / before for after, before in rounds])
    share = 100 * middle(found["alone"]) / middle(found["without"])
    return Measured(
        [
            Figure("ingest without metrics", middle(found["without"]), "ms/image"),
            Figure("ingest with metrics", middle(found["with"]), "ms/image"),
            Figure("with / without", ratio, "times"),
            Figure("metrics / the rest", share, "%", at_most=_SHARE_MAX),
        ],
        found,
    )


def _ingest_ms(files: Sequence[bytes], metrics: WorkerMetrics | None) -> float:
    """Return the processor milliseconds per picture, of all threads."""
    shared = Shared()
    shared.store.open()
    chunk = shared.put(*files)
    with _task(shared, metrics) as run:
        begun = time.process_time()
        run(chunk, "owner")
        return 1000 * (time.process_time() - begun) / len(files)


@contextmanager
def _task(shared: Shared, metrics: WorkerMetrics | None) -> Iterator[RunTask]:
    """Yield a task put together as in a worker, with instruments or without."""
    used = metrics or WorkerMetrics()
    encoder, jobs = FreeEncoder(), shared.jobs
    store = measured_store(shared.store, used) if metrics else shared.store
    claims = MemoryClaims(LEASE_S, 3, shared.claims)
    amends = shared.amends(claims)
    fence = Fence(claims, amends)
    pipeline = IngestPipeline(
        measured_encoder(encoder, used) if metrics else encoder,
        store,
        fence,
        batch_max=32,
        wait_ms=10,
        decoders=2,
        on_batch=used.batch if metrics else no_report,
    )
    if metrics:
        pipeline, jobs = measured_pipeline(pipeline, used), counted_jobs(jobs, used)
    photos = StoredPhotoInfo(shared.blobs, lambda *_: None)
    ingest = ChunkIngest(
        reader=PictureReader(InlineDecoder(shared.blobs, encoder, _PIXELS_MAX)),
        store=store,
        pipeline=pipeline,
        jobs=jobs,
        claims=claims,
        dead_letters=shared.dead_letters,
        isolation=Isolation(),
        editor=Editor(
            store=store,
            collections=shared.collections,
            jobs=jobs,
            claims=claims,
            fence=fence,
            photos=photos,
        ),
        amends=amends,
        quotas=shared.quotas,
    )
    yield measured_task("ingest.chunk", ingest.run, used) if metrics else ingest.run
    pipeline.close()
    amends.close()


def _alone_ms(files: Sequence[bytes]) -> float:
    """Return the processor milliseconds per picture of what the instruments do for a chunk."""
    metrics = WorkerMetrics()
    decode = timed(metrics.decode.observe)(lambda: None)
    encoded = timed(metrics.encode.labels("images").observe)(lambda: None)
    stored = timed(lambda seconds: metrics.store.labels("upsert").observe(seconds))(lambda: None)
    outcomes = [
        Outcome(index=index, id=image_id(data), state="indexed") for index, data in enumerate(files)
    ]
    task = measured_task("ingest.chunk", lambda: outcomes[0], metrics)
    begun = time.thread_time()
    for _ in files:
        decode()
    for stage in ("model", "writer"):
        metrics.batch(stage, len(files), 0.01)
    encoded()
    # It looks up what is there, and writes.
    for _ in range(2):
        stored()
    metrics.ended(outcomes)
    task()
    return 1000 * (time.thread_time() - begun) / len(files)
