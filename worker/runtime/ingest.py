"""The parts of an ingest worker, and how they are assembled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.broker.names import queues_of
from common.broker.queues import payloads, read_depths
from common.contract import (
    IMAGES_EDIT,
    INGEST_ARCHIVE,
    INGEST_CHUNK,
    INGEST_QUEUE,
    MODELS_SWITCH,
    REINDEX_SLICE,
    ChunkResult,
    EditImages,
    IngestArchive,
    IngestChunk,
    Message,
    ReindexSlice,
    SwitchRequest,
)
from common.errors import BucketShared
from common.jobs.tasks import archive_task_id, chunk_task_id, edit_task_id
from common.reindex.redis import RedisReindexes
from common.settings import Settings
from worker.archives.limits import ArchiveLimits
from worker.decoders.base import Decoder
from worker.decoders.choose import choose_decoder, decode_threads
from worker.decoding.decode import decoded_bytes
from worker.edits.job import JobEdit
from worker.encoders.base import Encoder
from worker.ingest.batch_tuning import Tuned, largest_batch, measurement_of, tune, tuned_once
from worker.ingest.chunks import ChunkIngest
from worker.ingest.concurrency_limit import ConcurrencyLimit
from worker.ingest.deliveries import Deliveries, Work
from worker.ingest.isolation import Isolation
from worker.ingest.pictures import PictureReader
from worker.ingest.pipeline import BATCHES_WAITING, IngestPipeline
from worker.ingest.quota import QuotaKeeper
from worker.ingest.throughput import Throughput
from worker.ingest.unpacking import ArchiveIngest
from worker.metrics.instruments import WorkerMetrics
from worker.metrics.measured import (
    counted_chores,
    measured_encoder,
    measured_pipeline,
    measured_store,
    measured_task,
)
from worker.pixel_budget import PixelBudget
from worker.reindex.originals import originals
from worker.reindex.page import Page, PageReindex
from worker.reindex.recovery import ReindexRecovery
from worker.reindex.slices import Duties, SliceReindex
from worker.reindex.switch import ModelSwitch
from worker.runtime.base import Parts, Runtime
from worker.runtime.celery_app import create_app
from worker.runtime.tasks import register_ingest
from worker.stores.base import VectorStore
from worker.traced import traced_pipeline, traced_store
from worker.upkeep.base import Upkeep
from worker.upkeep.lost_tasks import LostTasks
from worker.upkeep.orphaned_archives import OrphanedArchives
from worker.upkeep.orphaned_blobs import OrphanedBlobs
from worker.upkeep.rounds import RedisRounds
from worker.upkeep.turn import Check, TurnLost
from worker.upkeep.withdrawn_blobs import WithdrawnBlobs

log = logging.getLogger(__name__)

# Seconds that results of tasks are kept; the record of the job or of the reindex has the rest.
_RESULTS_TTL_S = 3600

# Runs a chunk; takes the chunk and the owner of its claims.
RunChunk = Callable[[IngestChunk, str], ChunkResult]


class IngestParts(Parts):
    """The parts of one ingest worker."""

    # About half a minute; after that, the task waits.
    _redis_retries = 16

    @cached_property
    def throughput(self) -> Throughput:
        """The worker's throughput; the model's measured rate until it has run tasks."""
        rate_per_s = self._tuned.rate_per_s if self._tuned else None
        return Throughput(rate_per_s, lambda: self.limit.tasks)

    @cached_property
    def limit(self) -> ConcurrencyLimit:
        """Number of tasks that run concurrently; derived if it is not set."""
        settings = self.settings
        return ConcurrencyLimit(
            self._batch_max(),
            self.encoder.concurrency,
            settings.chunk_images,
            settings.worker_threads,
        )

    @cached_property
    def pipeline(self) -> IngestPipeline:
        """Decodes, encodes and writes; first measures the model if the batch size is ``auto``."""
        pipeline = IngestPipeline(
            measured_encoder(self.encoder, self.metrics),
            self.store,
            self._fence,
            batch_max=self._batch_max(),
            wait_ms=self.settings.batch_wait_ms,
            decoders=decode_threads(self.settings),
            limit=self.limit,
            on_batch=self.metrics.batch,
        )
        return traced_pipeline(measured_pipeline(pipeline, self.metrics))

    @cached_property
    def upkeep(self) -> Upkeep:
        """Runs the chores of the whole service."""
        quotas = QuotaKeeper(self._quotas, self.store)
        chores: dict[str, Callable[[Check], object]] = {
            # First: if another service owns the blobs, the others must not run.
            "keep_owner": lambda _: self._keep_owner(),
            "recount": lambda _: self._jobs.recount(),
            "audit_quotas": lambda _: quotas.audit_some(),
            "trim_jobs": lambda _: self._jobs.trim(),
            "close_jobs": lambda _: self._jobs.close_idle(self.settings.open_job_s),
            "recover": self._lost_tasks().recover,
            "recover_reindex": lambda _: self._reindex_recovery().recover(),
            "sweep": lambda _: self._blobs.sweep(),
            "sweep_archives": lambda _: self._stores.archives.sweep(),
            "sweep_leftovers": self._orphaned_archives().sweep,
            "sweep_orphans": self._orphaned_blobs().sweep,
            "sweep_withdrawn": self._withdrawn_blobs().sweep,
            "sweep_queries": lambda _: self._stores.queries.sweep(),
            # A search ends long before its record expires.
            "expire_queries": lambda _: self._stores.queries.expire(self.settings.search_ttl_s),
        }
        counted = counted_chores(chores, self.metrics)
        return Upkeep(self._redis, counted, self.settings.lease_s, self._is_active)

    def works(self) -> Mapping[str, Work[Any]]:
        """Return the worker's tasks by name."""
        chunks, archives = self._chunk_ingest(), self._archive_ingest()
        edits = self._job_edit()
        slices, switch = self._slice_reindex(), self._model_switch()
        run_chunk = self.routing.ingests(INGEST_CHUNK, chunk_task_id, self._measured(chunks.run))
        run_archive = self.routing.ingests(
            INGEST_ARCHIVE, lambda archive: archive_task_id(archive.job_id), archives.run
        )
        run_edit = self.routing.ingests(
            IMAGES_EDIT, lambda edit: edit_task_id(edit.job_id), edits.run
        )
        works: dict[str, Work[Any]] = {
            INGEST_CHUNK: Work(IngestChunk, run_chunk, chunks.give_up),
            INGEST_ARCHIVE: Work(IngestArchive, run_archive, archives.give_up),
            IMAGES_EDIT: Work(EditImages, run_edit, edits.give_up),
            REINDEX_SLICE: Work(ReindexSlice, slices.run, slices.give_up),
            MODELS_SWITCH: Work(SwitchRequest, switch.run, switch.give_up),
        }
        return {
            name: replace(work, run=measured_task(name, work.run, self.metrics))
            for name, work in works.items()
        }

    def probe(self) -> Future[None]:
        """Run a real inference, through the same batcher as the tasks."""
        return self.pipeline.probe(self._pixels)

    def close(self) -> None:
        """Finish the work in progress and close every part."""
        self.pipeline.close()
        self._decoder.close()
        self.amends.close()
        self.store.close()

    def _keep_owner(self) -> None:
        try:
            self._stores.keep_owner()
        except BucketShared as error:
            raise TurnLost(str(error)) from error

    @cached_property
    def _isolation(self) -> Isolation:
        return Isolation()

    @cached_property
    def _reindexes(self) -> RedisReindexes:
        return RedisReindexes(self._redis)

    @cached_property
    def _budget(self) -> PixelBudget:
        """Room for the largest picture, and for the prepared pictures of all batches."""
        largest = decoded_bytes(self.settings.image_pixels_max)
        batches = self.encoder.concurrency + BATCHES_WAITING
        return PixelBudget(max(largest, batches * self._batch_max() * self._pixels.nbytes))

    def _slots(self, threads: int) -> int:
        return min(threads, self.limit.tasks)

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        """A preprocessed picture, for measurements and probes."""
        return self.encoder.preprocess(Image.new("RGB", (64, 64), "gray"))

    def _send(self, task: str, task_id: str, message: Message) -> None:
        self._sender.send(task, INGEST_QUEUE, task_id, message)

    def _measured(self, run: RunChunk) -> RunChunk:
        def measured(chunk: IngestChunk, owner: str) -> ChunkResult:
            with self.limit.task(len(chunk.items)), self.throughput.working():
                result = run(chunk, owner)
                self.throughput.note(sum(found.state != "cancelled" for found in result.outcomes))
            return result

        return measured

    def _chunk_ingest(self) -> ChunkIngest:
        return ChunkIngest(
            reader=PictureReader(
                self._decoder,
                is_here=self._stores.mark.is_here,
                on_found=self._stores.mark.note,
                missing_s=self.settings.missing_s,
                budget=self._budget,
                clock=self._clock,
            ),
            store=self.store,
            pipeline=self.pipeline,
            jobs=self._jobs,
            claims=self._claims,
            dead_letters=self._dead_letters,
            isolation=self._isolation,
            editor=self.editor,
            amends=self.amends,
            quotas=self._quotas,
            clock=self._clock,
        )

    @cached_property
    def _decoder(self) -> Decoder:
        return choose_decoder(
            self.settings,
            self._blobs,
            self.encoder,
            self._pixels,
            self.decoding_time,
            self.metrics.decoder_deaths.inc,
        )

    def _archive_ingest(self) -> ArchiveIngest:
        return ArchiveIngest(
            archives=self._stores.archives,
            blobs=self._blobs,
            jobs=self._jobs,
            claims=self._claims,
            send=self._send,
            closing=self.leases.closing.is_set,
            limits=ArchiveLimits(
                entries_max=self.settings.archive_entries_max,
                bytes_max=self.settings.archive_bytes_max,
                ratio_max=self.settings.archive_ratio_max,
            ),
            image_bytes_max=self.settings.image_bytes_max,
            chunk_images=self.settings.chunk_images,
        )

    def _job_edit(self) -> JobEdit:
        return JobEdit(
            editor=self.editor,
            store=self.store,
            jobs=self._jobs,
            claims=self._claims,
            isolation=self._isolation,
            amends=self.amends,
            closing=self.leases.closing.is_set,
        )

    def _lost_tasks(self) -> LostTasks:
        return LostTasks(
            self._redis,
            self._jobs,
            self._ingest_queues,
            self._send,
            self.settings.lease_s,
            self.settings.chunk_images,
        )

    def _withdrawn_blobs(self) -> WithdrawnBlobs:
        return WithdrawnBlobs(
            self._blobs,
            self.store,
            self._jobs,
            self._claims,
            self._dead_letters,
            clock=self._clock,
        )

    def _orphaned_blobs(self) -> OrphanedBlobs:
        return OrphanedBlobs(
            blobs=self._blobs,
            store=self.store,
            jobs=self._jobs,
            claims=self._claims,
            dead_letters=self._dead_letters,
            rounds=RedisRounds(self._redis, self.settings.lease_s),
            depths=lambda: read_depths(self._redis, self._ingest_queues()),
            is_here=self._stores.mark.is_here,
            clock=self._clock,
        )

    def _orphaned_archives(self) -> OrphanedArchives:
        return OrphanedArchives(self._stores.archives, self._jobs, clock=self._clock)

    def _slice_reindex(self) -> SliceReindex:
        return SliceReindex(
            pages=self._page_reindex,
            originals=self._originals,
            store=self.store,
            collections=self.collections,
            reindexes=self._reindexes,
            duties=Duties(self._has_uploads, self.leases.closing.wait),
            send_to=self._sender.send_to,
            clock=self._clock,
        )

    def _model_switch(self) -> ModelSwitch:
        return ModelSwitch(
            models=self._models,
            collections=self.collections,
            store=self.store,
            pages=self._page_reindex,
            originals=self._originals,
            is_drained=self._is_drained,
            closing=self.leases.closing.wait,
            marks=self._marks,
            clock=self._clock,
        )

    def _reindex_recovery(self) -> ReindexRecovery:
        return ReindexRecovery(
            self._reindexes,
            self._models,
            lambda queue: payloads(self._redis, [queue]),
            self._sender.send_to,
        )

    @cached_property
    def _page_reindex(self) -> PageReindex:
        return PageReindex(
            store=self.store,
            pipeline=self.pipeline,
            decoder=self._decoder,
            claims=self._claims,
            isolation=self._isolation,
            budget=self._budget,
        )

    def _originals(self, name: str, owner: str) -> Iterator[Page]:
        return originals(self._blobs, name, owner, self.settings.chunk_images)

    def _is_active(self) -> bool:
        return self._models.roles().active in (None, self.encoder.name)

    def _ingest_queues(self, tenant: str | None = None) -> list[str]:
        """Return the queues of uploads of all models, or those that may hold a tenant's."""
        return queues_of(INGEST_QUEUE, [None, *self._models.known()], tenant)

    def _has_uploads(self) -> bool:
        """Return whether uploads wait for a worker of any model."""
        depths = read_depths(self._redis, self._ingest_queues())
        return any(depth.waiting for depth in depths)

    def _is_drained(self, model: str) -> bool:
        """Return whether a model's workers have no more uploads."""
        depths = read_depths(self._redis, queues_of(INGEST_QUEUE, [None, model]))
        return not any(depth.waiting or depth.in_flight for depth in depths)

    def _encode(self, threads: ThreadPoolExecutor, count: int) -> None:
        """Run the model on batches of ``count`` pictures, as many at once as in operation."""
        batch = [self._pixels] * count
        list(threads.map(self.encoder.encode_images, [batch] * self.encoder.concurrency))

    def _batch_max(self) -> int:
        if self._tuned is not None:
            return self._tuned.batch_max
        return int(self.settings.batch_max)

    @cached_property
    def _tuned(self) -> Tuned | None:
        """The batch size that the model is fastest with; None if the settings give one."""
        if self.settings.batch_max != "auto":
            return None
        settings, concurrency = self.settings, self.encoder.concurrency
        largest = largest_batch(settings.worker_threads, settings.chunk_images, concurrency)

        def measure() -> Tuned:
            with ThreadPoolExecutor(concurrency) as threads:
                tuned = tune(partial(self._encode, threads), largest)
            return replace(tuned, rate_per_s=tuned.rate_per_s * concurrency)

        tuned = tuned_once(measurement_of(self.encoder, largest, settings.cache_dir), measure)
        log.info("ingest.tuned batch_max=%d rate_per_s=%.1f", tuned.batch_max, tuned.rate_per_s)
        return tuned


def ingest_runtime(
    settings: Settings, encoder: Encoder, store: VectorStore, metrics: WorkerMetrics
) -> Runtime:
    """Measure the model if needed and register the tasks of the ingest queue."""
    seen_store = traced_store(measured_store(store, metrics))
    parts = IngestParts(settings, encoder, seen_store, metrics)
    app = create_app(settings, parts.leases, _RESULTS_TTL_S)
    register_ingest(app, Deliveries(parts.leases, settings), parts.works())
    return Runtime(
        app,
        encoder,
        store,
        probe=parts.probe,
        inference_at=lambda: parts.pipeline.inference_at,
        leases=parts.leases,
        upkeep=parts.upkeep,
        close=parts.close,
        throughput=parts.throughput,
        threads=parts.limit.tasks_max,
        decoding_time=parts.decoding_time,
    )
