"""What one worker process holds: its model, its store, and its queue's tasks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from celery import Celery

from common.blobs.folder import FolderBlobs
from common.broker.celery_options import celery_options
from common.claims.redis import RedisClaims
from common.contract import INGEST_QUEUE
from common.dead_letters.redis import RedisDeadLetters
from common.errors import StoreUnavailable
from common.jobs.redis import RedisJobs
from common.redis_client import connect
from common.redis_time import RedisClock
from common.settings import Settings
from worker.catalog.deletion import Deletion
from worker.catalog.queries import Catalog
from worker.delivery.leases import Leases
from worker.delivery.messages import RedisMessages
from worker.delivery.results import PatientResults
from worker.delivery.shutdown import add_give_back_step
from worker.delivery.slots import SlotPool, leased_task
from worker.delivery.transport import leased_transport
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder
from worker.ingest.deliveries import Deliveries
from worker.ingest.throughput import Meter
from worker.runtime.ingest import IngestParts
from worker.runtime.tasks import register_ingest, register_search
from worker.search.search import Search
from worker.search.warm_up import warm_up
from worker.stores.amends import Amends
from worker.stores.base import VectorStore
from worker.stores.fence import Fence
from worker.stores.registry import open_store
from worker.upkeep.base import Upkeep

log = logging.getLogger(__name__)

# Seconds between two tries to reach the store at start-up.
_STORE_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """A worker, ready to consume.

    Attributes:
        app: The Celery app with the queue's tasks.
        encoder: The model, loaded and warm.
        store: The vector store, open.
        probe: Runs the model for real, through the same batcher as the tasks do.
        inference_at: When the model last gave a result, in seconds since 1970.
        leases: What the worker holds of its queue.
        upkeep: What ingest workers do for the whole service.
        close: Finishes what is in hand and lets go of everything.
        meter: How fast the worker is.
    """

    app: Celery
    encoder: Encoder
    store: VectorStore
    probe: Callable[[], Future[Any]]
    inference_at: Callable[[], float]
    leases: Leases
    upkeep: Upkeep | None
    close: Callable[[], None]
    meter: Meter = field(default_factory=Meter)


def open_runtime(settings: Settings, queue: str, encoder: Encoder | None = None) -> Runtime:
    """Load the model, open the store (waiting for it if need be) and register the tasks.

    Args:
        settings: How the worker is configured.
        queue: The queue whose tasks it runs.
        encoder: A model to use instead of loading the one that the settings name.

    Raises:
        SetupError: The worker cannot run as it is configured.
    """
    encoder = encoder or load_encoder(settings, bulk=queue == INGEST_QUEUE)
    store = open_store(settings, encoder)
    _open_when_there(store)
    if queue == INGEST_QUEUE:
        return _ingest_runtime(settings, encoder, store)
    return _search_runtime(settings, encoder, store)


def _create_app(settings: Settings, leases: Leases, results_ttl_s: int) -> Celery:
    app = Celery("glimpse.worker", set_as_current=False)
    app.conf.update(celery_options(settings))
    app.conf.update(
        broker_transport=leased_transport(leases),
        result_backend=settings.redis_url,
        result_expires=results_ttl_s,
        worker_pool=SlotPool,
        # A thread takes the next task when it is free, not before: others may be.
        worker_prefetch_multiplier=1,
        # The leases count what is in hand, whichever connection brought it.
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        # However long Redis is away.
        broker_connection_max_retries=None,
        # A Redis that is full, or cannot write, is waited for as one that is away.
        broker_channel_error_retry=True,
        # A broken connection must not stop what is in hand: its result is still good.
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    # Its published types know the name of a class only.
    app.task_cls = leased_task(PatientResults(leases.closing, app))  # type: ignore[assignment]
    add_give_back_step(app, leases)
    return app


def _open_when_there(store: VectorStore) -> None:
    """Open the store; a worker that starts before Milvus waits for it."""
    while True:
        try:
            store.open()
        except StoreUnavailable as error:
            log.warning("store.waiting %s", error)
            time.sleep(_STORE_RETRY_S)
        else:
            return


def _ingest_runtime(settings: Settings, encoder: Encoder, store: VectorStore) -> Runtime:
    parts = IngestParts(settings, encoder, store)
    app = _create_app(settings, parts.leases, settings.job_ttl_s)
    register_ingest(app, Deliveries(parts.leases, settings), parts.works())

    def close() -> None:
        parts.pipeline.close()
        parts.amends.close()
        store.close()

    return Runtime(
        app,
        encoder,
        store,
        probe=parts.probe,
        inference_at=lambda: parts.pipeline.inference_at,
        leases=parts.leases,
        upkeep=parts.upkeep,
        meter=parts.meter,
        close=close,
    )


def _search_runtime(settings: Settings, encoder: Encoder, store: VectorStore) -> Runtime:
    warm_up(encoder, store)
    redis = connect(settings.redis_url)
    claims = RedisClaims(redis, settings.lease_s, settings.attempts_max)
    leases = Leases(RedisMessages(connect(settings.redis_url)), settings.lease_s, claims)
    # What a caller waited for is read once and soon.
    app = _create_app(settings, leases, settings.search_ttl_s)
    search = Search.of(settings, encoder, store, FolderBlobs(settings.queries_dir))
    blobs, jobs = FolderBlobs(settings.blobs_dir), RedisJobs(redis, settings.job_ttl_s)
    dead_letters = RedisDeadLetters(redis)
    amends = Amends(store, blobs, jobs, claims, dead_letters)
    deletion = Deletion(store, blobs, jobs, claims, dead_letters, Fence(claims, amends))
    register_search(app, search, Catalog(store), deletion, encoder.name, RedisClock(redis))

    def close() -> None:
        search.close()
        amends.close()
        store.close()

    return Runtime(
        app,
        encoder,
        store,
        probe=search.probe,
        inference_at=lambda: search.inference_at,
        leases=leases,
        upkeep=None,
        close=close,
    )
