"""The parts of a worker process: its model, its store and its queue's tasks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from celery import Celery
from redis import Redis

from common.blobs.base import BlobStore
from common.blobs.stores import BlobStores, open_blobs
from common.broker.sender import TaskSender
from common.claims.redis import RedisClaims
from common.contract import NoiseThreshold
from common.dead_letters.redis import RedisDeadLetters
from common.jobs.redis import RedisJobs
from common.models.redis import RedisModels
from common.quotas.redis import RedisQuotas
from common.read_marks.redis import RedisReadMarks
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import Settings
from worker.decoding_time import DecodingTime
from worker.delivery.leases import Leases
from worker.delivery.messages import RedisMessages
from worker.edits.editor import Editor
from worker.edits.photo import StoredPhotoInfo
from worker.encoders.base import Encoder
from worker.ingest.throughput import Throughput
from worker.late_writes.amends import Amends
from worker.late_writes.correction import Correction
from worker.late_writes.fence import Fence
from worker.metrics.instruments import WorkerMetrics
from worker.metrics.measured import counted_jobs
from worker.perceptual_hash import HashReader
from worker.photo_info.reader import PhotoInfoReader
from worker.runtime.routing import Routing
from worker.stores.base import VectorStore
from worker.stores.collections import Collections
from worker.stores.registry import open_collections
from worker.traced import traced_claims, traced_jobs
from worker.upkeep.base import Upkeep


@dataclass(frozen=True, slots=True)
class Runtime:
    """A worker, ready to consume.

    Attributes:
        app: The Celery app with the queue's tasks.
        encoder: The model, loaded and warmed up.
        store: The vector store, open.
        probe: Runs a real inference, through the same batcher as the tasks.
        inference_at: Returns the Unix time of the model's last result.
        leases: The messages that the worker holds.
        upkeep: The upkeep of the whole service; ingest workers only.
        close: Finishes the work in progress and closes every part.
        threads: Tasks that run concurrently.
        throughput: The worker's throughput.
        noise: What the worker knows of its model's noise.
        decoding_time: Measures how long its threads decode a picture.
    """

    app: Celery
    encoder: Encoder
    store: VectorStore
    probe: Callable[[], Future[Any]]
    inference_at: Callable[[], float]
    leases: Leases
    upkeep: Upkeep | None
    close: Callable[[], None]
    threads: int
    throughput: Throughput = field(default_factory=Throughput)
    noise: NoiseThreshold = field(default_factory=NoiseThreshold)
    decoding_time: DecodingTime = field(default_factory=DecodingTime)


@dataclass(frozen=True)
class Parts:
    """The parts that both kinds of worker share, each created on first use.

    Args:
        settings: The worker's settings.
        encoder: Its model.
        store: Its vector store.
        metrics: Its instruments.
    """

    # Retries of a Redis call before it fails.
    _redis_retries: ClassVar[int] = 0

    settings: Settings
    encoder: Encoder
    store: VectorStore
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)

    @cached_property
    def decoding_time(self) -> DecodingTime:
        """Measures how long the worker's threads decode a picture."""
        return DecodingTime(self.settings.decode_cpu_s_max)

    @cached_property
    def leases(self) -> Leases:
        """Leases on the messages that the worker holds and the images that it has claimed."""
        messages = RedisMessages(connect(self.settings.redis))
        missed = self.metrics.renewals_missed.inc
        return Leases(messages, self.settings.lease_s, self._claims, self._slots, missed)

    @cached_property
    def amends(self) -> Amends:
        """Corrects rows written after their claims were lost."""
        correction = Correction(
            self.store,
            self._blobs,
            self._jobs,
            self._dead_letters,
            lambda: self.collections.others(self.store),
        )
        return Amends(self._claims, correction)

    @cached_property
    def routing(self) -> Routing:
        """Forwards tasks of other models."""
        return Routing(self._models, self.encoder.name, self._sender, self._jobs)

    @cached_property
    def collections(self) -> Collections:
        """All models' collections."""
        return open_collections(self.settings)

    @cached_property
    def editor(self) -> Editor:
        """Changes the rows of claimed images."""
        reader = PhotoInfoReader(self.settings.photo_info)
        hashes = HashReader(self.settings.image_pixels_max)
        photos = StoredPhotoInfo(self._blobs, reader.read, self._stores.mark.is_here, hashes.read)
        return Editor(
            store=self.store,
            collections=self.collections,
            jobs=self._jobs,
            claims=self._claims,
            fence=self._fence,
            photos=photos,
        )

    def _slots(self, threads: int) -> int:
        """Return the number of messages to hold now, of a worker with this many threads."""
        return threads

    @cached_property
    def _models(self) -> RedisModels:
        return RedisModels(self._redis)

    @cached_property
    def _marks(self) -> RedisReadMarks:
        return RedisReadMarks(self._redis)

    @cached_property
    def _sender(self) -> TaskSender:
        redis = connect(self.settings.redis)
        return TaskSender(self.settings, redis, self._clock, RedisModels(redis))

    @cached_property
    def _fence(self) -> Fence:
        return Fence(self._claims, self.amends)

    @cached_property
    def _redis(self) -> Redis:
        return connect(self.settings.redis, self._redis_retries)

    @cached_property
    def _clock(self) -> RedisClock:
        # A client that does not retry for long: the clock has its last answer.
        return RedisClock(connect(self.settings.redis))

    @cached_property
    def _jobs(self) -> RedisJobs:
        jobs = RedisJobs(self._redis, self.settings.job_ttl_s)
        return counted_jobs(traced_jobs(jobs), self.metrics)

    @cached_property
    def _claims(self) -> RedisClaims:
        claims = RedisClaims(self._redis, self.settings.lease_s, self.settings.attempts_max)
        return traced_claims(claims)

    @cached_property
    def _dead_letters(self) -> RedisDeadLetters:
        return RedisDeadLetters(self._redis)

    @cached_property
    def _quotas(self) -> RedisQuotas:
        return RedisQuotas(self._redis)

    @cached_property
    def _stores(self) -> BlobStores:
        return open_blobs(self.settings, self._redis)

    @property
    def _blobs(self) -> BlobStore:
        return self._stores.originals
