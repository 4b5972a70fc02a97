"""The whole of Glimpse in one process, on the shipped fakes: for tests of the API alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from celery import Celery
from flask import Flask

from api.app import create_app
from api.dispatch.inline import InlineDispatcher
from api.services import Services
from common.blobs.memory import MemoryBlobs
from common.claims.memory import MemoryClaims
from common.contract import INGEST_CHUNK, QUEUES, IngestChunk, dump
from common.dead_letters.memory import MemoryDeadLetters
from common.heartbeats import Heartbeat, MemoryHeartbeats
from common.jobs.memory import MemoryJobs
from common.load.memory import MemoryLoad
from common.searches import MemorySearches
from common.settings import Settings
from worker.catalog import Catalog
from worker.encoders.hashing import HashingEncoder
from worker.ingest import Ingest
from worker.pipeline import IngestPipeline
from worker.search import Search
from worker.stores.memory import MemoryStore
from worker.tasks import register_search

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Inline:
    """An app and the fakes behind it."""

    app: Flask
    blobs: MemoryBlobs
    store: MemoryStore
    heartbeats: MemoryHeartbeats
    close: Callable[[], None]


def start_inline(settings: Settings, *, workers: bool = True) -> Inline:
    """Make an app whose tasks run in this process when they are sent.

    Args:
        settings: Limits to test with.
        workers: Without them tasks stay queued, as they do where no worker runs.
    """
    encoder = HashingEncoder()
    store = MemoryStore()
    store.open()
    blobs, jobs = MemoryBlobs(), MemoryJobs()
    heartbeats = MemoryHeartbeats()
    pipeline = IngestPipeline(encoder, store, batch_max=8, wait_ms=0)
    search = Search(encoder, store, batch_max=8)
    ingest = Ingest(
        encoder=encoder,
        store=store,
        pipeline=pipeline,
        blobs=blobs,
        jobs=jobs,
        pixels_max=settings.image_pixels_max,
    )
    handlers: dict[str, Handler] = {}
    if workers:
        celery = Celery("glimpse.inline", set_as_current=False)
        register_search(celery, search, Catalog(store), encoder.name)
        handlers |= celery.tasks
        # The registered task speaks to the leases of its message; here is no message.
        handlers[INGEST_CHUNK] = lambda payload: dump(
            ingest.run(IngestChunk.model_validate(payload))
        )
        for queue in QUEUES:
            heartbeats.beat(heartbeat(queue))
    services = Services(
        settings=settings,
        blobs=blobs,
        jobs=jobs,
        searches=MemorySearches(),
        heartbeats=heartbeats,
        load=MemoryLoad(jobs, heartbeats),
        claims=MemoryClaims(settings.lease_s, settings.attempts_max),
        dead_letters=MemoryDeadLetters(),
        dispatcher=InlineDispatcher(handlers),
    )

    def close() -> None:
        pipeline.close()
        search.close()

    return Inline(create_app(services=services), blobs, store, heartbeats, close)


def replace_parts(inline: Inline, **parts: object) -> None:
    """Put other parts in the places of some behind the app."""
    services = inline.app.extensions["glimpse"]
    inline.app.extensions["glimpse"] = replace(services, **parts)


def heartbeat(queue: str, **changes: object) -> Heartbeat:
    """Return the heartbeat of a worker that is well, but for the changes."""
    now = time.time()
    fields = {
        "name": f"{queue}@test.1",
        "queue": queue,
        "model": "hashing",
        "revision": "1",
        "at": now,
        "until": now + 60,
        "inference_at": now,
    }
    return Heartbeat.model_validate(fields | changes)
