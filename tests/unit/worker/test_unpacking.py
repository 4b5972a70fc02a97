"""Unpacking an archive: interrupted, cancelled, fatal to its worker, and run again."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import pytest

from common.blobs.memory import MemoryBlobs
from common.claims.memory import ClaimTable, MemoryClaims
from common.contract import INGEST_CHUNK, IngestArchive, IngestChunk, Message, Outcome
from common.errors import BlobsUnavailable, BrokerUnavailable, ImagesBusy, NotFound
from common.images.archive_formats import sniff_archive
from common.jobs.base import Job
from common.jobs.memory import MemoryJobs
from tests.support.archives import tar_of, zip_of
from tests.support.pictures import image_id, picture
from worker.archives.limits import ArchiveLimits
from worker.ingest.deliveries import Interrupted
from worker.ingest.unpacking import ArchiveIngest

FILES = [(f"{n}.png", picture(f"rgb({n + 1},0,0)")) for n in range(7)]


class Killed(BaseException):
    """Ends a walk as a kill would."""


class DyingClaims(MemoryClaims):
    """Claims of a killed process, which gives nothing back."""

    def give_back(
        self, owner: str, tenant: str, ids: Sequence[str], *, deadly: Collection[str] = ()
    ) -> None:
        del owner, tenant, ids, deadly


@dataclass
class Bench:
    """The unpacking of one archive, and the chunks that it sends."""

    limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    archives: MemoryBlobs = field(default_factory=MemoryBlobs)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    claims: ClaimTable = field(default_factory=ClaimTable)
    sent: list[IngestChunk] = field(default_factory=list)
    # ``on_send`` runs before each chunk, with the number sent so far; ``closing`` ends the walk.
    on_send: Callable[[int], None] = lambda _: None
    closing: bool = False

    def put(self, data: bytes) -> IngestArchive:
        """Store an archive and return the payload of its job's task."""
        job = Job(uuid.uuid4().hex, "default", 0, created_at=0.0, growing=True)
        archive = IngestArchive(
            job_id=job.id,
            id=image_id(data),
            format=sniff_archive(data[:512]),
            filename="a.zip",
            tags=["tag"],
        )
        writer = self.archives.writer("default")
        writer.write(data)
        writer.commit(job.id)
        self.jobs.create(job, [])
        self.jobs.accept(job.id)
        return archive

    def ingest(self, claims: MemoryClaims | None = None) -> ArchiveIngest:
        """Return the unpacking of a new worker."""
        return ArchiveIngest(
            archives=self.archives,
            blobs=self.blobs,
            jobs=self.jobs,
            claims=claims or MemoryClaims(60, 3, self.claims),
            send=self._send,
            closing=lambda: self.closing,
            limits=self.limits,
            image_bytes_max=100_000,
            chunk_images=2,
        )

    def indices(self) -> list[list[int]]:
        return [[item.index for item in chunk.items] for chunk in self.sent]

    def names(self, archive: IngestArchive) -> list[tuple[str, str, str | None]]:
        items, _ = self.jobs.items(archive.job_id, None, 100)
        return [(item.filename, item.state, item.code) for item in items]

    def _send(self, task: str, task_id: str, message: Message) -> None:
        assert task == INGEST_CHUNK
        self.on_send(len(self.sent))
        self.sent.append(IngestChunk.model_validate(message.model_dump()))
        assert task_id == f"{self.sent[-1].job_id}.{self.sent[-1].items[0].index}"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def finish(bench: Bench, archive: IngestArchive) -> str:
    """Record an outcome for every image sent; return the job's state."""
    for chunk in bench.sent:
        outcomes = [Outcome(index=i.index, id=i.id, state="indexed") for i in chunk.items]
        bench.jobs.record(archive.job_id, outcomes)
    return bench.jobs.get(archive.job_id).state


def test_it_sends_a_chunk_for_every_few_images(bench: Bench) -> None:
    archive = bench.put(zip_of(FILES))
    assert bench.ingest().run(archive, "owner").images == 7
    assert bench.indices() == [[0, 1], [2, 3], [4, 5], [6]]
    assert bench.sent[0].tags == ["tag"]
    assert bench.blobs.read("default", image_id(FILES[6][1])) == FILES[6][1]
    assert (
        bench.jobs.get(archive.job_id).state == "queued"
        or not bench.jobs.get(archive.job_id).growing
    )
    assert finish(bench, archive) == "succeeded"


def test_a_walk_cut_short_is_done_again_and_sends_nothing_twice(bench: Bench) -> None:
    archive = bench.put(tar_of(FILES))

    def break_off(number: int) -> None:
        if number == 2:
            raise BrokerUnavailable("away")

    bench.on_send = break_off
    with pytest.raises(BrokerUnavailable):
        bench.ingest().run(archive, "owner")
    bench.on_send = lambda _: None
    bench.ingest().run(archive, "owner")
    # ``LostTasks`` sends the two images that joined the job but were not sent.
    assert bench.indices() == [[0, 1], [2, 3], [6]]
    assert [name for name, _, _ in bench.names(archive)] == [name for name, _ in FILES]


def test_a_worker_that_ends_stops_between_two_chunks(bench: Bench) -> None:
    archive = bench.put(tar_of(FILES))
    bench.closing = True
    with pytest.raises(Interrupted):
        bench.ingest().run(archive, "owner")
    assert bench.indices() == [[0, 1]]
    bench.closing = False
    bench.ingest().run(archive, "another")
    assert bench.indices() == [[0, 1], [2, 3], [4, 5], [6]]


def test_a_job_that_is_cancelled_is_unpacked_no_further(bench: Bench) -> None:
    archive = bench.put(tar_of(FILES))

    def cancel(number: int) -> None:
        if number == 1:
            bench.jobs.cancel(archive.job_id)

    bench.on_send = cancel
    bench.ingest().run(archive, "owner")
    assert len(bench.sent) == 2
    job = bench.jobs.get(archive.job_id)
    assert (job.state, job.total, job.cancelled) == ("cancelled", 4, 4)
    with pytest.raises(NotFound):
        bench.archives.read("default", archive.job_id)


def test_an_archive_that_was_unpacked_is_not_unpacked_again(bench: Bench) -> None:
    archive = bench.put(zip_of(FILES))
    bench.ingest().run(archive, "owner")
    assert bench.ingest().run(archive, "another").images == 0
    assert len(bench.sent) == 4
    assert bench.jobs.get(archive.job_id).total == 7


def test_an_archive_whose_bytes_are_elsewhere_is_waited_for(bench: Bench) -> None:
    archive = bench.put(zip_of(FILES))
    bench.archives.delete("default", archive.job_id)
    with pytest.raises(BlobsUnavailable, match="GLIMPSE_BLOBS_DIR"):
        bench.ingest().run(archive, "owner")
    assert bench.jobs.get(archive.job_id).growing


def test_an_archive_is_unpacked_by_one_worker_at_a_time(bench: Bench) -> None:
    archive = bench.put(zip_of(FILES))
    MemoryClaims(60, 3, bench.claims).take("another", "default", [archive.job_id])
    with pytest.raises(ImagesBusy):
        bench.ingest().run(archive, "owner")


def test_a_walk_that_another_worker_has_taken_over_goes_no_further(bench: Bench) -> None:
    archive = bench.put(tar_of(FILES))

    def taken_over(number: int) -> None:
        if number == 1:
            MemoryClaims(60, 3, bench.claims).take(
                "another", "default", [archive.job_id], alone=True
            )

    bench.on_send = taken_over
    with pytest.raises(ImagesBusy):
        bench.ingest(MemoryClaims(0.0, 3, bench.claims)).run(archive, "owner")
    assert bench.indices() == [[0, 1], [2, 3]]
    assert bench.jobs.get(archive.job_id).growing


def test_an_archive_that_gets_nowhere_three_times_is_quarantined(bench: Bench) -> None:
    archive = bench.put(zip_of(FILES))
    for number in range(3):
        MemoryClaims(0.0, 3, bench.claims).take(
            f"dead {number}", "default", [archive.job_id], alone=True
        )
    bench.ingest().run(archive, "owner")
    assert bench.names(archive) == [("a.zip", "failed", "quarantined")]
    assert bench.jobs.get(archive.job_id).state == "failed"


def test_an_archive_that_gets_further_may_meet_many_deaths(bench: Bench) -> None:
    archive = bench.put(tar_of(FILES))

    def die(_: int) -> None:
        raise Killed

    bench.on_send = die
    for death in range(4):
        with pytest.raises(Killed):
            bench.ingest(DyingClaims(0.0, 3, bench.claims)).run(archive, f"owner {death}")
    bench.on_send = lambda _: None
    assert bench.ingest().run(archive, "last").images == 7
    assert [state for _, state, _ in bench.names(archive)] == ["queued"] * 7


def test_a_limit_ends_an_archive_and_keeps_what_came_before(bench: Bench) -> None:
    bench.limits = ArchiveLimits(entries_max=3)
    archive = bench.put(tar_of(FILES))
    bench.ingest().run(archive, "owner")
    *images, last = bench.names(archive)
    assert [name for name, _, _ in images] == ["0.png", "1.png", "2.png"]
    assert last == ("a.zip", "failed", "too_large")
    # A second run, as after a death just before the end, does not repeat the failure.
    bench.ingest().run(archive, "another")
    assert len(bench.names(archive)) == 4
    assert finish(bench, archive) == "partial"


def test_an_archive_that_is_given_up_ends_its_job(bench: Bench) -> None:
    archive = bench.put(zip_of(FILES))
    bench.ingest().give_up(archive)
    assert bench.names(archive) == [("a.zip", "failed", "encoder_error")]
    assert bench.jobs.get(archive.job_id).state == "failed"


def test_what_is_skipped_is_counted_once_however_often_the_archive_is_unpacked(
    bench: Bench,
) -> None:
    archive = bench.put(tar_of([*FILES, ("a.txt", b"a"), ("b.txt", b"b"), (".hidden", b"c")]))

    def break_off(number: int) -> None:
        if number == 2:
            raise BrokerUnavailable("away")

    bench.on_send = break_off
    with pytest.raises(BrokerUnavailable):
        bench.ingest().run(archive, "owner")
    assert bench.jobs.get(archive.job_id).skipped == {}
    bench.on_send = lambda _: None
    for owner in ("owner", "another"):
        bench.ingest().run(archive, owner)
        assert bench.jobs.get(archive.job_id).skipped == {".txt": 2, "hidden": 1}


def test_a_failed_archive_tells_what_it_skipped(bench: Bench) -> None:
    archive = bench.put(zip_of([("a.txt", b"a")]))
    bench.ingest().run(archive, "owner")
    assert bench.names(archive) == [("a.zip", "failed", "empty")]
    assert bench.jobs.get(archive.job_id).skipped == {".txt": 1}


def test_members_that_cannot_be_read_are_told_each(bench: Bench) -> None:
    data = bytearray(zip_of([("a.png", FILES[0][1]), ("b.png", FILES[1][1])], method=0))
    for file in (FILES[0][1], FILES[1][1]):
        # Flip a bit of each picture, so that its checksum is wrong.
        at = data.index(file) + len(file) // 2
        data[at] ^= 1
    archive = bench.put(bytes(data))
    bench.ingest().run(archive, "owner")
    assert bench.names(archive) == [
        ("a.png", "failed", "truncated"),
        ("b.png", "failed", "truncated"),
    ]
