"""Metrics for Prometheus, read from Redis when they are asked for.

What they tell belongs to the service and not to the process that is asked, so
that each of the API's processes gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api.load.base import Load
from api.services import Services
from common.broker.queues import QueueDepth
from common.contract import QUEUES
from common.errors import BrokerUnavailable
from common.heartbeats import Heartbeat


def render(services: Services, accept: str) -> tuple[str, str]:
    """Return all metrics as text, and its media type.

    Args:
        services: Where they are read.
        accept: The forms that the asker reads, as its ``Accept`` header says.
    """
    registry = CollectorRegistry()
    registry.register(ServiceMetrics(services))
    encode, content_type = choose_encoder(accept)
    return encode(registry).decode(), content_type


class ServiceMetrics(Collector):
    """Everything that Glimpse tells Prometheus.

    Without Redis there is ``glimpse_up 0`` and nothing else. A failed scrape would
    say that the API is gone, which has an alert of its own (``up``); and a figure
    that is not known is left out, so that it is not taken for a zero.

    Args:
        services: Where the figures are read.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        """Read the figures, all before the first is given out."""
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
            "glimpse_dead_letters", "Images that were given up.", services.dead_letters.count()
        )


def _up(value: float) -> Metric:
    return _gauge("glimpse_up", "Whether Redis answered; without it nothing else is told.", value)


def _of_queues(depths: list[QueueDepth], now: float) -> Iterator[Metric]:
    yield _by_queue(
        "glimpse_queue_tasks",
        "Tasks that wait in a queue.",
        {depth.queue: depth.waiting for depth in depths},
    )
    yield _by_queue(
        "glimpse_tasks_in_flight",
        "Tasks that workers hold, run or about to be run.",
        {depth.queue: depth.in_flight for depth in depths},
    )
    yield _by_queue(
        "glimpse_oldest_task_age_seconds",
        "Seconds since the task that is taken next was sent; 0 for an empty queue.",
        {depth.queue: _age(depth.waiting, depth.next_sent_at, now) for depth in depths},
    )
    yield _by_queue(
        "glimpse_oldest_task_in_flight_age_seconds",
        "Seconds since the oldest task that a worker holds was sent; 0 where none is held.",
        {
            depth.queue: _age(depth.in_flight, depth.oldest_in_flight_sent_at, now)
            for depth in depths
        },
    )


def _of_load(load: Load) -> Iterator[Metric]:
    yield _gauge(
        "glimpse_images_pending", "Images accepted that have no outcome yet.", load.pending
    )
    yield _gauge(
        "glimpse_ingest_wait_seconds", "Seconds until an upload sent now would begin.", load.wait_s
    )
    yield _gauge(
        "glimpse_ingest_rate_images_per_second",
        "Images that all ingest workers bring to an outcome in a second while they have work.",
        load.rate_per_s,
    )
    yield _gauge("glimpse_redis_memory_used_bytes", "Memory that Redis uses.", load.memory_bytes)
    yield _gauge(
        "glimpse_redis_memory_max_bytes",
        "Memory that Redis may use; 0 where it has no bound.",
        load.memory_bytes_max,
    )


def _of_workers(beats: list[Heartbeat], now: float) -> Iterator[Metric]:
    inferences = {
        queue: [beat.inference_at for beat in beats if beat.queue == queue] for queue in QUEUES
    }
    yield _by_queue(
        "glimpse_workers",
        "Workers that consume a queue.",
        {queue: len(times) for queue, times in inferences.items()},
    )
    yield _by_queue(
        "glimpse_worker_inference_age_seconds",
        "Seconds since the last result of a model, of the worker where that is longest ago.",
        {queue: now - min(times) if times else None for queue, times in inferences.items()},
    )
    skews = {
        queue: [beat.clock_skew_s for beat in beats if beat.queue == queue] for queue in QUEUES
    }
    yield _by_queue(
        "glimpse_worker_clock_skew_seconds",
        "Seconds that a worker's clock is ahead of Redis's, of the worker where it is most wrong.",
        {queue: max(found, key=abs) if found else None for queue, found in skews.items()},
    )


def _age(tasks: int, sent_at: float | None, now: float) -> float | None:
    """Return the age of a task; None where there is one that does not say when it was sent."""
    if not tasks:
        return 0.0
    return None if sent_at is None else max(now - sent_at, 0.0)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by_queue(name: str, text: str, values: Mapping[str, float | None]) -> Metric:
    """Return a gauge with a sample for each queue of which the value is known."""
    family = GaugeMetricFamily(name, text, labels=["queue"])
    for queue, value in values.items():
        if value is not None:
            family.add_metric([queue], value)
    return family
