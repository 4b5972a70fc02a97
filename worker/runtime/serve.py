"""Serves a queue: starts a worker, consumes until SIGTERM, and shuts it down."""

from __future__ import annotations

import gc
import logging
import time

from celery.signals import worker_ready, worker_shutting_down
from celery.worker import WorkController

from common.broker.names import queues_of
from common.contract import CATALOG_QUEUE, INGEST_QUEUE, REINDEX_QUEUE
from common.errors import StoreUnavailable
from common.garbage import ignore_what_exists
from common.heartbeats import RedisHeartbeats
from common.models.redis import RedisModels
from common.redis.client import connect
from common.redis.setup import lacks_for_remote_control
from common.redis.time import RedisClock
from common.settings import Settings
from common.start_check import check_start
from common.traces.spans import begin_tracing, end_tracing
from worker.delivery.shutdown import Grace
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder
from worker.liveness import Liveness
from worker.metrics.exposition import expose
from worker.metrics.instruments import WorkerMetrics
from worker.runtime.base import Runtime
from worker.runtime.heartbeat import HeartbeatSender
from worker.runtime.ingest import ingest_runtime
from worker.runtime.search import search_runtime
from worker.stores.base import VectorStore
from worker.stores.registry import open_store

log = logging.getLogger(__name__)

# Seconds between attempts to reach the store at startup.
_STORE_RETRY_S = 2.0


def serve(
    settings: Settings,
    queue: str,
    name: str,
    encoder: Encoder | None = None,
    store: VectorStore | None = None,
    *,
    events: bool = False,
) -> None:
    """Consume a queue until SIGTERM.

    Args:
        settings: The worker's settings.
        queue: The queue to consume.
        name: Unique name of this worker.
        encoder: A model to use instead of the one in the settings.
        store: A store to use instead of the one in the settings.
        events: Whether to send Celery's events before anybody has asked for them.

    Raises:
        SetupError: The worker cannot run with these settings, or on this data.
    """
    redis = connect(settings.redis)
    # Before the model, which takes long to load.
    check_start(settings, redis)
    begin_tracing(settings.traces_url, f"glimpse-{queue}-worker")
    settings = _controlled(settings)
    liveness = Liveness(settings.alive_file)
    liveness.begin()
    runtime = _load(settings, queue, liveness, encoder, store)
    models = RedisModels(redis)
    models.adopt(runtime.encoder.name)
    heartbeats, clock = RedisHeartbeats(redis), RedisClock(redis)
    sender = HeartbeatSender(
        runtime, heartbeats, name, queue, settings.heartbeat_s, clock, models, liveness
    )
    _end_with_grace(runtime, settings, name, sender)
    worker = _celery_worker(runtime, settings, queue, name, events)
    ignore_what_exists()
    gc.enable()
    try:
        _consume(runtime, worker, sender)
    finally:
        end_tracing()


def _load(
    settings: Settings,
    queue: str,
    liveness: Liveness,
    encoder: Encoder | None,
    store: VectorStore | None,
) -> Runtime:
    """Load the model, open the store, and return a runtime whose model has run once."""
    metrics = WorkerMetrics()
    expose(metrics.registry, settings)
    encoder = encoder or load_encoder(settings, bulk=queue == INGEST_QUEUE)
    store = store or open_store(settings, encoder)
    _wait_for_store(store, liveness)
    metrics.describe(queue, encoder)
    build = ingest_runtime if queue == INGEST_QUEUE else search_runtime
    runtime = build(settings, encoder, store, metrics)
    # The first inference comes before the queue: a worker whose model fails must take no tasks.
    runtime.probe().result()
    return runtime


def _end_with_grace(
    runtime: Runtime, settings: Settings, name: str, sender: HeartbeatSender
) -> None:
    """Let SIGTERM begin the time that tasks in progress have to finish."""
    grace = Grace(runtime.leases, settings.grace_s, leave=sender.stop)

    def end(**_: object) -> None:
        log.info("worker.stopping name=%s", name)
        grace.begin()

    worker_shutting_down.connect(end, weak=False)


def _consume(runtime: Runtime, worker: WorkController, sender: HeartbeatSender) -> None:
    """Run a worker until it ends, then give back what it holds and close every part."""
    worker_ready.connect(lambda **_: sender.start(), weak=False)
    runtime.leases.start()
    if runtime.upkeep is not None:
        runtime.upkeep.start()
    try:
        worker.start()
    finally:
        if runtime.upkeep is not None:
            runtime.upkeep.stop()
        runtime.leases.give_back_all()
        runtime.leases.stop()
        sender.stop()
        runtime.close()


def _wait_for_store(store: VectorStore, liveness: Liveness) -> None:
    """Open the store, retrying until Milvus is available."""
    while True:
        try:
            store.open()
        except StoreUnavailable as error:
            log.warning("store.waiting %s", error)
            liveness.show()
            time.sleep(_STORE_RETRY_S)
        else:
            return


def _controlled(settings: Settings) -> Settings:
    """Return the settings without remote control if Redis's user lacks the rights."""
    if settings.remote_control and (lacking := lacks_for_remote_control(settings.redis)):
        log.warning(
            "worker.no_remote_control Redis's user may not use %s. Give it the rights in"
            " docs/operations.md, or set GLIMPSE_REMOTE_CONTROL=false.",
            ", ".join(lacking),
        )
        return settings.model_copy(update={"remote_control": False})
    return settings


def _celery_worker(
    runtime: Runtime, settings: Settings, queue: str, name: str, events: bool
) -> WorkController:
    """Return Celery's worker, without its command line: that takes long to import."""
    return runtime.app.Worker(
        hostname=name,
        queues=_queues(queue, runtime.encoder.name),
        concurrency=runtime.threads,
        loglevel=settings.log_level,
        # No banner: users run Glimpse, not Celery.
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        task_events=events,
        # Sent only while somebody watches.
        without_heartbeat=not (settings.remote_control or events),
    )


def _queues(kind: str, model: str) -> list[str]:
    """Return the queues that a worker of a kind consumes."""
    own = queues_of(kind, [model, None])
    if kind == INGEST_QUEUE:
        return [*own, *queues_of(REINDEX_QUEUE, [model])]
    return [*own, *queues_of(CATALOG_QUEUE, [model, None])]
