"""An ingest on the shipped fakes, with both the worker's and the API's side of a job."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from common.blobs.memory import MemoryBlobs
from common.broker.queues import QueueDepth
from common.claims.memory import ClaimTable, MemoryClaims
from common.contract import ChunkItem, ChunkResult, IngestChunk, OnDuplicate
from common.dead_letters.memory import MemoryDeadLetters
from common.jobs.base import Job
from common.jobs.memory import MemoryJobs
from common.quotas.memory import MemoryQuotas
from common.read_marks.base import ReadMarks
from common.read_marks.memory import MemoryReadMarks
from tests.support.pictures import image_id
from worker.catalog.deletion import Deletion
from worker.decoders.base import Decoder
from worker.decoders.inline import InlineDecoder
from worker.edits.editor import Editor
from worker.edits.photo import StoredPhotoInfo
from worker.encoders.base import Encoder
from worker.encoders.hashing import HashingEncoder
from worker.ingest.chunks import ChunkIngest
from worker.ingest.isolation import Isolation
from worker.ingest.pictures import PictureReader
from worker.ingest.pipeline import IngestPipeline
from worker.late_writes.amends import Amends
from worker.late_writes.correction import Correction
from worker.late_writes.fence import Fence
from worker.stores.memory import MemoryStore
from worker.stores.memory_collections import MemoryCollections
from worker.upkeep.orphaned_blobs import OrphanedBlobs
from worker.upkeep.rounds import MemoryRounds, Rounds
from worker.upkeep.withdrawn_blobs import WithdrawnBlobs

# Lease of a claim in seconds, long enough not to expire unless a test waits for it.
LEASE_S = 60.0


@dataclass
class Shared:
    """State shared by all workers."""

    store: MemoryStore = field(default_factory=MemoryStore)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    claims: ClaimTable = field(default_factory=ClaimTable)
    dead_letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)
    quotas: MemoryQuotas = field(default_factory=MemoryQuotas)
    # Of other models.
    collections: MemoryCollections = field(default_factory=lambda: MemoryCollections({}))

    @property
    def marks(self) -> MemoryReadMarks:
        """The read marks that finished jobs and deletions raise."""
        return self.jobs.marks

    def deletion(self, wait_s: float = 0.0, marks: ReadMarks | None = None) -> Deletion:
        """Return one worker's deletion."""
        claims = MemoryClaims(LEASE_S, 3, self.claims)
        fence = Fence(claims, self.amends(claims))
        return Deletion(
            self.store,
            self.blobs,
            self.jobs,
            claims,
            self.dead_letters,
            fence,
            self.collections,
            self.quotas,
            marks or self.marks,
            wait_s,
            replaced_s=0,
        )

    def amends(self, claims: MemoryClaims) -> Amends:
        """Return the ``Amends`` that undoes one worker's late writes."""
        correction = Correction(
            self.store,
            self.blobs,
            self.jobs,
            self.dead_letters,
            lambda: self.collections.others(self.store),
        )
        return Amends(claims, correction)

    def take_over(self, image_id: str, left: str) -> None:
        """Let one worker freeze with an image, and another take it over and settle it."""
        MemoryClaims(0.0, 3, self.claims).take("frozen", "default", [image_id])
        claims = MemoryClaims(LEASE_S, 3, self.claims)
        claims.take("another", "default", [image_id], alone=True)
        claims.settle("another", "default", {image_id: left})

    def withdrawn_blobs(self, kept_s: float = 0.0) -> WithdrawnBlobs:
        """Return the chore that cleans up withdrawn blobs."""
        claims = MemoryClaims(LEASE_S, 3, self.claims)
        return WithdrawnBlobs(self.blobs, self.store, self.jobs, claims, self.dead_letters, kept_s)

    def orphaned_blobs(
        self,
        rounds: Rounds | None = None,
        depths: Sequence[QueueDepth] = (),
        is_here: bool = True,
    ) -> OrphanedBlobs:
        """Return the chore that removes unreferenced blobs."""
        return OrphanedBlobs(
            blobs=self.blobs,
            store=self.store,
            jobs=self.jobs,
            claims=MemoryClaims(LEASE_S, 3, self.claims),
            dead_letters=self.dead_letters,
            rounds=rounds or MemoryRounds(since=0.0),
            depths=lambda: depths,
            is_here=lambda: is_here,
        )

    def put(
        self,
        *files: bytes,
        tag: str = "tag",
        on_duplicate: OnDuplicate = "keep",
        folder: str = "",
        **about: Any,
    ) -> IngestChunk:
        """Store files and return the chunk of a new, accepted job with all of them."""
        items = [
            ChunkItem(index=index, id=image_id(data), filename=f"{folder}{index}.png")
            for index, data in enumerate(files)
        ]
        about = {"tags": [tag], "metadata": {"year": 2026}, "on_duplicate": on_duplicate} | about
        for item, data in zip(items, files, strict=True):
            writer = self.blobs.writer("default")
            writer.write(data)
            writer.commit(item.id)
        job = Job(uuid.uuid4().hex, "default", len(items), created_at=time.time(), **about)
        self.jobs.create(job, [(item.id, item.filename) for item in items])
        self.jobs.accept(job.id)
        return IngestChunk(job_id=job.id, items=items, **about)


@dataclass
class Bench:
    """One worker's ingest."""

    shared: Shared
    ingest: ChunkIngest
    claims: MemoryClaims
    amends: Amends

    def run(self, chunk: IngestChunk, owner: str = "owner") -> ChunkResult:
        return self.ingest.run(chunk, owner)

    def states(self, chunk: IngestChunk) -> list[tuple[str, str | None]]:
        return [(o.state, o.code) for o in self.run(chunk).outcomes]


@contextmanager
def worker(
    shared: Shared,
    encoder: Encoder | None = None,
    lease_s: float = LEASE_S,
    reader: PictureReader | None = None,
    decoder: Decoder | None = None,
    claims: MemoryClaims | None = None,
) -> Iterator[Bench]:
    """Yield one worker's ingest and stop its threads afterwards."""
    encoder = encoder or HashingEncoder()
    claims = claims or MemoryClaims(lease_s, 3, shared.claims)
    decoder = decoder or InlineDecoder(shared.blobs, encoder, pixels_max=10_000)
    amends = shared.amends(claims)
    fence = Fence(claims, amends)
    pipeline = IngestPipeline(encoder, shared.store, fence, batch_max=4, wait_ms=0, decoders=2)
    editor = Editor(
        store=shared.store,
        collections=shared.collections,
        jobs=shared.jobs,
        claims=claims,
        fence=fence,
        photos=StoredPhotoInfo(shared.blobs, lambda *_: None),
    )
    ingest = ChunkIngest(
        reader=reader or PictureReader(decoder),
        store=shared.store,
        pipeline=pipeline,
        jobs=shared.jobs,
        claims=claims,
        dead_letters=shared.dead_letters,
        isolation=Isolation(),
        editor=editor,
        amends=amends,
        quotas=shared.quotas,
    )
    yield Bench(shared, ingest, claims, amends)
    pipeline.close()
    amends.close()
