"""What an ingest worker is put together from."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.blobs.folder import FolderBlobs
from common.claims.base import Claims
from common.claims.redis import RedisClaims
from common.contract import INGEST_CHUNK, INGEST_QUEUE, IngestChunk
from common.dead_letters.redis import RedisDeadLetters
from common.jobs.redis import RedisJobs
from common.redis_client import connect
from common.settings import Settings
from common.task_sender import TaskSender
from worker.encoders.base import Encoder
from worker.ingest.chunks import ChunkIngest
from worker.ingest.deliveries import Work
from worker.ingest.isolation import Isolation
from worker.ingest.pictures import PictureReader
from worker.ingest.pipeline import IngestPipeline
from worker.recovery import Recovery
from worker.stores.base import VectorStore
from worker.tuning import tune
from worker.upkeep import Upkeep

log = logging.getLogger(__name__)

# How often a worker tries Redis again before its task waits; about half a minute.
_REDIS_RETRIES = 16


@dataclass(frozen=True, slots=True)
class IngestParts:
    """The parts of one ingest worker.

    Attributes:
        works: What its tasks do, by their names.
        pipeline: Decodes, encodes and writes.
        claims: The images in hand.
        upkeep: What is done for the whole service.
        pixels: A prepared picture, for probes.
    """

    works: Mapping[str, Work[Any]]
    pipeline: IngestPipeline
    claims: Claims
    upkeep: Upkeep
    pixels: NDArray[np.uint8]

    @classmethod
    def make(cls, settings: Settings, encoder: Encoder, store: VectorStore) -> Self:
        """Put the parts together; the model is measured if its batch is to be found."""
        pixels = encoder.preprocess(Image.new("RGB", (64, 64), "gray"))
        pipeline = IngestPipeline(
            encoder,
            store,
            batch_max=_batch_max(settings, encoder, pixels),
            wait_ms=settings.batch_wait_ms,
            decoders=settings.decode_threads or os.cpu_count() or 1,
        )
        redis = connect(settings.redis_url, _REDIS_RETRIES)
        jobs = RedisJobs(redis, settings.job_ttl_s)
        blobs = FolderBlobs(settings.blobs_dir)
        claims = RedisClaims(redis, settings.lease_s, settings.attempts_max)
        chunks = ChunkIngest(
            reader=PictureReader(blobs, encoder, settings.image_pixels_max),
            store=store,
            pipeline=pipeline,
            jobs=jobs,
            claims=claims,
            dead_letters=RedisDeadLetters(redis),
            isolation=Isolation(),
        )
        sender = TaskSender(settings)
        recovery = Recovery(
            redis,
            jobs,
            lambda task, task_id, message: sender.send(task, INGEST_QUEUE, task_id, message),
            settings.lease_s,
            settings.chunk_images,
        )
        chores = {"recount": jobs.recount, "recover": recovery.look, "sweep": blobs.sweep}
        upkeep = Upkeep(redis, chores, settings.lease_s)
        works = {INGEST_CHUNK: Work(IngestChunk, chunks.run, chunks.give_up)}
        return cls(works, pipeline, claims, upkeep, pixels)

    def probe(self) -> Future[None]:
        """Run the model for real, through the same batcher as the tasks do."""
        return self.pipeline.probe(self.pixels)


def _batch_max(settings: Settings, encoder: Encoder, pixels: NDArray[np.uint8]) -> int:
    if settings.batch_max != "auto":
        return settings.batch_max
    tuned = tune(lambda count: encoder.encode_images([pixels] * count))
    log.info("ingest.tuned batch_max=%d rate_per_s=%.1f", tuned.batch_max, tuned.rate_per_s)
    return tuned.batch_max
