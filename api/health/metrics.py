"""Prometheus metrics: those of the service, read from Redis on every scrape, and of the requests.

The former describe the service and not the API that is scraped, so every API returns the same
values. The latter are those of all processes of the API that is scraped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api.load.base import Load
from api.services import Services
from common.broker.queues import QueueDepth
from common.contract import QUEUES
from common.errors import BrokerUnavailable
from common.heartbeats import Heartbeat
from common.metrics import new_registry


def render(services: Services, accept: str) -> tuple[str, str]:
    """Return all metrics as text, and its media type.

    Args:
        services: The services to read from.
        accept: The request's ``Accept`` header, which selects the format.
    """
    return _encoded([ServiceMetrics(services), services.requests.collector()], accept)


def render_without_redis(accept: str) -> tuple[str, str]:
    """Return, likewise, what a caller is told whose key cannot be checked: that Redis is away."""
    return _encoded([_WithoutRedis()], accept)


def _encoded(collectors: Iterable[Collector], accept: str) -> tuple[str, str]:
    registry = new_registry()
    for collector in collectors:
        registry.register(collector)
    encode, content_type = choose_encoder(accept)
    return encode(registry).decode(), content_type


class _WithoutRedis(Collector):
    """Collects what is known of the service while Redis does not answer."""

    def collect(self) -> Iterable[Metric]:
        """Return the only metric."""
        return [_up(0)]


class ServiceMetrics(Collector):
    """Collects the metrics of the whole service.

    Without Redis, ``glimpse_up 0`` is the only one: a failed scrape would mean that the API is
    down, which has its own alert (``up``). Unknown values are omitted, so that they are not
    mistaken for zeros.

    Args:
        services: The services to read from.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        """Read all metrics before returning the first."""
        try:
            found = [*self._read()]
        except BrokerUnavailable:
            return [_up(0)]
        return [_up(1), *found]

    def _read(self) -> Iterator[Metric]:
        services, now = self._services, self._services.clock.now()
        yield from _of_queues(services.dispatcher.depths(), now)
        yield from _of_load(services.load.read())
        yield from _of_workers(services.heartbeats.alive(), now)
        yield _gauge(
            "glimpse_dead_letters", "Images that failed permanently.", services.dead_letters.count()
        )


def _up(value: float) -> Metric:
    return _gauge(
        "glimpse_up",
        "Whether Redis answered; if not, no other metric of the service is known.",
        value,
    )


def _of_queues(depths: list[QueueDepth], now: float) -> Iterator[Metric]:
    yield _by_queue(
        "glimpse_queue_tasks",
        "Queued tasks.",
        {depth.queue: depth.waiting for depth in depths},
    )
    yield _by_queue(
        "glimpse_tasks_in_flight",
        "Tasks held by workers.",
        {depth.queue: depth.in_flight for depth in depths},
    )
    yield _by_queue(
        "glimpse_oldest_task_age_seconds",
        "Seconds since the next task in the queue was sent; 0 if the queue is empty.",
        {depth.queue: _age(depth.waiting, depth.next_sent_at, now) for depth in depths},
    )
    yield _by_queue(
        "glimpse_oldest_task_in_flight_age_seconds",
        "Seconds since the oldest task held by a worker was sent; 0 if none is held.",
        {
            depth.queue: _age(depth.in_flight, depth.oldest_in_flight_sent_at, now)
            for depth in depths
        },
    )


def _of_load(load: Load) -> Iterator[Metric]:
    yield _gauge("glimpse_images_pending", "Accepted images without an outcome.", load.pending)
    yield _gauge(
        "glimpse_ingest_wait_seconds", "Seconds that an upload sent now would wait.", load.wait_s
    )
    yield _gauge(
        "glimpse_ingest_rate_images_per_second",
        "Images per second that all ingest workers complete while they have work.",
        load.rate_per_s,
    )
    yield _gauge("glimpse_redis_memory_used_bytes", "Memory used by Redis.", load.memory_bytes)
    yield _gauge(
        "glimpse_redis_memory_max_bytes",
        "Memory limit of Redis; 0 means unlimited.",
        load.memory_bytes_max,
    )


def _of_workers(beats: list[Heartbeat], now: float) -> Iterator[Metric]:
    inferences = {
        queue: [beat.inference_at for beat in beats if beat.queue == queue] for queue in QUEUES
    }
    yield _by_queue(
        "glimpse_workers",
        "Live workers.",
        {queue: len(times) for queue, times in inferences.items()},
    )
    yield _by_queue(
        "glimpse_worker_inference_age_seconds",
        "Seconds since the last result of a worker's model, maximum over workers.",
        {queue: now - min(times) if times else None for queue, times in inferences.items()},
    )
    skews = {
        queue: [beat.clock_skew_s for beat in beats if beat.queue == queue] for queue in QUEUES
    }
    yield _by_queue(
        "glimpse_worker_clock_skew_seconds",
        "Seconds that a worker's clock is ahead of Redis's, for the largest difference.",
        {queue: max(found, key=abs) if found else None for queue, found in skews.items()},
    )


def _age(tasks: int, sent_at: float | None, now: float) -> float | None:
    """Return a task's age: 0 without tasks, None if the time it was sent is unknown."""
    if not tasks:
        return 0.0
    return None if sent_at is None else max(now - sent_at, 0.0)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by_queue(name: str, text: str, values: Mapping[str, float | None]) -> Metric:
    """Return a gauge with a sample for each queue whose value is known."""
    family = GaugeMetricFamily(name, text, labels=["queue"])
    for queue, value in values.items():
        if value is not None:
            family.add_metric([queue], value)
    return family
