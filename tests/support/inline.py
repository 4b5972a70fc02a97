"""All of Glimpse in one process, on the shipped fakes, for tests of the API alone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask

from api.app import create_app
from api.dispatch.inline import InlineDispatcher
from api.idempotency.memory import MemoryIdempotency
from api.load.memory import MemoryLoad
from api.search_records import MemorySearches
from api.services import Services
from common.blobs.base import BlobStore
from common.blobs.memory import MemoryBlobs
from common.claims.memory import MemoryClaims
from common.contract import (
    IMAGES_EDIT,
    INGEST_ARCHIVE,
    INGEST_CHUNK,
    INGEST_QUEUE,
    QUEUES,
    EditImages,
    IngestArchive,
    IngestChunk,
    dump,
)
from common.dead_letters.memory import MemoryDeadLetters
from common.heartbeats import Heartbeat, MemoryHeartbeats
from common.jobs.memory import MemoryJobs
from common.keys.memory import MemoryKeys
from common.models.memory import MemoryModels
from common.quotas.memory import MemoryQuotas
from common.read_marks.memory import MemoryReadMarks
from common.redis.time import MachineClock
from common.reindex.memory import MemoryReindexes
from common.settings import Settings
from common.webhooks.memory import MemoryWebhooks
from tests.support.conforming import ConformingClient
from worker.archives.limits import ArchiveLimits
from worker.catalog.deletion import Deletion
from worker.catalog.edit import ImageEdit
from worker.catalog.models import ModelCatalog
from worker.catalog.queries import Catalog
from worker.decoders.inline import InlineDecoder
from worker.edits.editor import Editor
from worker.edits.job import JobEdit
from worker.edits.photo import ReadInfo, StoredPhotoInfo
from worker.encoders.hashing import HashingEncoder
from worker.ingest.chunks import ChunkIngest
from worker.ingest.isolation import Isolation
from worker.ingest.pictures import PictureReader
from worker.ingest.pipeline import IngestPipeline
from worker.ingest.unpacking import ArchiveIngest
from worker.late_writes.amends import Amends
from worker.late_writes.correction import Correction
from worker.late_writes.fence import Fence
from worker.pixel_budget import PixelBudget
from worker.runtime.answers import Answer, SearchWork
from worker.search.embeddings import Embeddings
from worker.search.search import Search
from worker.stores.as_of import MarkedReads
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore
from worker.stores.memory_collections import MemoryCollections
from worker.thumbnails.ingested import IngestedThumbnails
from worker.thumbnails.missing import MissingThumbnails

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Inline:
    """An app and its fakes."""

    app: Flask
    blobs: BlobStore
    archives: MemoryBlobs
    queries: MemoryBlobs
    store: MemoryStore
    heartbeats: MemoryHeartbeats
    keys: MemoryKeys
    quotas: MemoryQuotas
    models: MemoryModels
    reindexes: MemoryReindexes
    webhooks: MemoryWebhooks
    # All models' collections by name; ``store`` is that of the encoder.
    collections: dict[str, MemoryCollection]
    close: Callable[[], None]

    def add_model(self, name: str, *, workers: Sequence[str] = QUEUES) -> None:
        """Add an empty collection of another model, and its workers' heartbeats."""
        self.collections[name] = MemoryCollection(Identity(name, "1", 8))
        for queue in workers:
            self.heartbeats.beat(
                heartbeat(queue, name=f"{queue}@{name}.1", model=name, serves=False)
            )


def start_inline(
    settings: Settings,
    *,
    workers: bool = True,
    store: MemoryStore | None = None,
    blobs: BlobStore | None = None,
    budget: PixelBudget | None = None,
    read_info: ReadInfo = lambda *_: None,
) -> Inline:
    """Create an app whose tasks run synchronously in this process.

    Args:
        settings: Limits to test with.
        workers: If false, tasks stay queued, as if no worker were running.
        store: Used instead of a new, empty store.
        blobs: Used instead of a new, empty blob store.
        budget: Used instead of a budget of pixels as large as one picture may be.
        read_info: Reads the photo info in a picture's bytes.
    """
    encoder = HashingEncoder()
    collection = MemoryCollection(Identity.of(encoder))
    store = store or MemoryStore(collection=collection)
    store.open()
    # Of the encoder and, for tests, of others.
    stored = {"own": collection}
    collections = MemoryCollections(stored)
    models = MemoryModels(encoder.name if workers else None)
    reindexes = MemoryReindexes()
    blobs = MemoryBlobs() if blobs is None else blobs
    archives, queries = MemoryBlobs(), MemoryBlobs()
    pixels_max = settings.image_pixels_max
    marks = MemoryReadMarks()
    webhooks = MemoryWebhooks()
    jobs = MemoryJobs(marks, webhooks)
    claims = MemoryClaims(settings.lease_s, settings.attempts_max)
    dead_letters = MemoryDeadLetters()
    keys = MemoryKeys()
    quotas = MemoryQuotas()
    heartbeats = MemoryHeartbeats()
    correction = Correction(store, blobs, jobs, dead_letters, lambda: collections.others(store))
    amends = Amends(claims, correction)
    fence = Fence(claims, amends)
    pipeline = IngestPipeline(encoder, store, fence, batch_max=8, wait_ms=0)
    isolation = Isolation()
    editor = Editor(
        store=store,
        collections=collections,
        jobs=jobs,
        claims=claims,
        fence=fence,
        photos=StoredPhotoInfo(blobs, read_info),
    )
    edits = JobEdit(
        editor=editor,
        store=store,
        jobs=jobs,
        claims=claims,
        isolation=isolation,
        amends=amends,
        closing=lambda: False,
    )
    clock = MachineClock()
    search = Search.of(settings, encoder, store, queries)
    ingest = ChunkIngest(
        reader=PictureReader(
            InlineDecoder(blobs, encoder, pixels_max, on_decoded=IngestedThumbnails(blobs).keep)
        ),
        store=store,
        pipeline=pipeline,
        jobs=jobs,
        claims=claims,
        dead_letters=dead_letters,
        isolation=isolation,
        editor=editor,
        amends=amends,
        quotas=quotas,
    )
    handlers: dict[str, Handler] = {}
    dispatcher = InlineDispatcher(handlers)
    unpack = ArchiveIngest(
        archives=archives,
        blobs=blobs,
        jobs=jobs,
        claims=claims,
        send=lambda task, task_id, message: dispatcher.send(task, INGEST_QUEUE, task_id, message),
        closing=lambda: False,
        limits=ArchiveLimits(entries_max=settings.archive_entries_max),
        image_bytes_max=settings.image_bytes_max,
        chunk_images=settings.chunk_images,
    )
    if workers:
        work = SearchWork(
            encoder.name,
            search,
            Embeddings(encoder, search.inputs),
            Catalog(store),
            Deletion(store, blobs, jobs, claims, dead_letters, fence, collections, quotas, marks),
            ImageEdit(editor, store, claims, marks),
            ModelCatalog(collections),
            MissingThumbnails(blobs, store, pixels_max, budget, wait_s=0),
            MarkedReads(store, marks),
        )
        handlers |= {answer.name: _handler(answer) for answer in work.answers()}
        # The registered task needs the lease of its message; inline there is no message.
        handlers[INGEST_CHUNK] = lambda payload: dump(
            ingest.run(IngestChunk.model_validate(payload), owner=uuid.uuid4().hex)
        )
        handlers[INGEST_ARCHIVE] = lambda payload: dump(
            unpack.run(IngestArchive.model_validate(payload), owner=uuid.uuid4().hex)
        )
        handlers[IMAGES_EDIT] = lambda payload: dump(
            edits.run(EditImages.model_validate(payload), owner=uuid.uuid4().hex)
        )
        for queue in QUEUES:
            heartbeats.beat(heartbeat(queue))
    services = Services(
        settings=settings,
        blobs=blobs,
        archives=archives,
        queries=queries,
        jobs=jobs,
        searches=MemorySearches(),
        heartbeats=heartbeats,
        load=MemoryLoad(jobs, heartbeats, quotas),
        claims=claims,
        dead_letters=dead_letters,
        idempotency=MemoryIdempotency(settings.lease_s),
        keys=keys,
        models=models,
        reindexes=reindexes,
        webhooks=webhooks,
        dispatcher=dispatcher,
        clock=clock,
    )

    def close() -> None:
        pipeline.close()
        search.close()

    app = create_app(services=services)
    # Validate every response against the OpenAPI document.
    app.test_client_class = ConformingClient
    return Inline(
        app=app,
        blobs=blobs,
        archives=archives,
        queries=queries,
        store=store,
        heartbeats=heartbeats,
        keys=keys,
        quotas=quotas,
        models=models,
        reindexes=reindexes,
        webhooks=webhooks,
        collections=stored,
        close=close,
    )


def _handler(answer: Answer[Any]) -> Handler:
    def handle(payload: dict[str, Any]) -> dict[str, Any]:
        request = answer.parse(payload)
        return answer.unreadable() if request is None else answer.result(request, lambda: True)

    return handle


def replace_parts(inline: Inline, **parts: object) -> None:
    """Replace some of the app's services."""
    services = inline.app.extensions["glimpse"]
    inline.app.extensions["glimpse"] = replace(services, **parts)


def heartbeat(queue: str, **changes: object) -> Heartbeat:
    """Return the heartbeat of a healthy worker, with changes applied."""
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
