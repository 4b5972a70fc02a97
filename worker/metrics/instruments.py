"""The instruments of one worker: counters and histograms of the work that it does."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector

from common.contract import Outcome
from common.metrics import SECONDS, new_registry
from worker.encoders.base import Encoder

# Upper bounds of the buckets of batches, in items.
_ITEMS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class WorkerMetrics:
    """All instruments of a worker, in a registry of their own.

    Labels have few values: names of tasks, of stages, and error codes, but no tenants, ids or
    messages, since each combination is a time series.
    """

    def __init__(self) -> None:
        registry = self.registry = new_registry()
        ProcessCollector(registry=registry)
        self.info = Gauge(
            "glimpse_worker_info",
            "The worker's queue, model and precision; always 1.",
            ["queue", "model", "revision", "precision"],
            registry=registry,
        )
        self.batch_items = Histogram(
            "glimpse_batch_items",
            "Items per batch of a stage.",
            ["stage"],
            registry=registry,
            buckets=_ITEMS,
        )
        self.batch_wait = self._seconds(
            "glimpse_batch_wait_seconds",
            "Seconds that the first item of a batch waited for the others and for a thread.",
            "stage",
        )
        self.decode = self._seconds(
            "glimpse_decode_seconds",
            "Seconds to read, decode and preprocess a picture.",
        )
        self.decoder_deaths = self._count(
            "glimpse_decoder_deaths", "Decoder processes that died while they decoded a picture."
        )
        self.encode = self._seconds(
            "glimpse_encode_seconds", "Seconds that the model takes for a batch.", "kind"
        )
        self.store = self._seconds(
            "glimpse_store_seconds", "Seconds per call of the vector store.", "operation"
        )
        self.task = self._seconds("glimpse_task_seconds", "Seconds per attempt of a task.", "task")
        self.attempts = self._count(
            "glimpse_task_attempts", "Attempts of tasks by result: ok, or an error's code.",
            "task", "result",
        )  # fmt: skip
        self.images = self._count(
            "glimpse_images", "Images that ended in this worker.", "outcome", "code"
        )
        self.lookups = self._count(
            "glimpse_query_cache_lookups", "Lookups in the cache of text embeddings.", "result"
        )
        self.renewals_missed = self._count(
            "glimpse_lease_renewals_missed", "Renewals of all leases that failed."
        )
        self.upkeep_found = self._count(
            "glimpse_upkeep_found", "What upkeep found lost or left behind.", "chore"
        )
        self.upkeep_failed = self._count(
            "glimpse_upkeep_failures", "Chores of upkeep that failed.", "chore"
        )

    def describe(self, queue: str, encoder: Encoder) -> None:
        """Set the worker's queue and model."""
        self.info.labels(queue, encoder.name, encoder.revision, encoder.precision).set(1)

    def batch(self, stage: str, items: int, wait_s: float) -> None:
        """Observe a batch that a stage begins."""
        self.batch_items.labels(stage).observe(items)
        self.batch_wait.labels(stage).observe(wait_s)

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Count images that have their outcomes."""
        for outcome in outcomes:
            self.images.labels(outcome.state, outcome.code or "").inc()

    def looked_up(self, found: bool) -> None:
        """Count a lookup in the cache of text embeddings."""
        self.lookups.labels("hit" if found else "miss").inc()

    def _seconds(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=SECONDS)

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
