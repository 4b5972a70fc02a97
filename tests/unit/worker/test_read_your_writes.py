"""A read that starts after ``succeeded`` or ``204`` sees it, in whatever order things happen.

On a fake server with two replicas that lag, and the shipped fakes of everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from common.claims.memory import MemoryClaims
from common.contract import AsOf, CatalogKnown, CatalogKnownRequest, CatalogRequest, IngestChunk
from common.errors import BrokerUnavailable
from common.jobs.base import FINAL_STATES
from common.jobs.memory import MemoryJobs
from common.read_marks.base import ReadMark
from common.read_marks.memory import MemoryReadMarks
from tests.support.ingest_bench import LEASE_S, Bench, Shared, worker
from tests.support.lagging_store import LaggingServer, LaggingStore
from tests.support.pictures import image_id, picture
from worker.catalog.deletion import Deletion
from worker.catalog.queries import Catalog
from worker.stores.as_of import MarkedReads
from worker.stores.base import Row

FILES = [picture(color) for color in ("red", "green", "blue")]
IDS = [image_id(data) for data in FILES]

IMAGES = st.sampled_from(range(len(FILES)))
# One of two workers, or one of two replicas.
EITHER = st.sampled_from((0, 1))
# The replica that a caller reads from at once, if any.
READER = st.sampled_from((None, 0, 1))


class Killed(BaseException):
    """Simulates a killed process: no code handles it."""


class DyingJobs(MemoryJobs):
    """Kills its process before it records an outcome."""

    def record(self, *_: object) -> None:
        raise Killed


class AbsentMarks(MemoryReadMarks):
    """Marks that a deletion cannot raise."""

    def advance(self, marks: Sequence[ReadMark]) -> None:  # noqa: ARG002
        raise BrokerUnavailable("Redis does not answer.")


@dataclass(frozen=True)
class Sent:
    """A read that no worker has taken yet.

    Attributes:
        as_of: The marks in its message.
        expected: Whether each image was there when it was sent, as callers were told.
        versions: The number of each image's changes until then.
    """

    as_of: AsOf
    expected: dict[str, bool]
    versions: dict[str, int]


class Service(RuleBasedStateMachine):
    """Two ingest workers, a search worker, and callers who know what they were told."""

    def __init__(self) -> None:
        super().__init__()
        self.server = LaggingServer(choose=lambda: self.replica)
        self.replica = 0
        self.shared = Shared(store=LaggingStore(self.server))
        self.marks = self.shared.marks
        self.stack = ExitStack()
        self.workers = [self.stack.enter_context(self._worker()) for _ in "12"]
        # Chunks whose workers died.
        self.lost: list[IngestChunk] = []
        self.expected: dict[str, bool] = {}
        self.versions = dict.fromkeys(IDS, 0)
        self.saved: dict[str, str] = {}
        self.sent: list[Sent] = []
        # Times of the clock, and the epochs to establish them for.
        self.unestablished: list[tuple[ReadMark, str]] = []

    def teardown(self) -> None:
        self.stack.close()

    @rule(number=EITHER, images=st.sets(IMAGES, min_size=1), replica=EITHER, reader=READER)
    def upload(self, number: int, images: set[int], replica: int, reader: int | None) -> None:
        self.replica = replica
        self._run(number, self.shared.put(*(FILES[image] for image in sorted(images))))
        self._read(reader)

    @rule(image=IMAGES, replica=EITHER)
    def upload_to_a_worker_that_dies(self, image: int, replica: int) -> None:
        """Write the row, but record no outcome."""
        self.replica = replica
        chunk = self.shared.put(FILES[image])
        jobs = DyingJobs.__new__(DyingJobs)
        jobs.__dict__ = self.shared.jobs.__dict__
        doomed = replace(self.shared, jobs=jobs, store=LaggingStore(self.server))
        with self._worker(doomed) as bench, pytest.raises(Killed):
            bench.run(chunk, "dead")
        if not self.expected.get(IDS[image]):
            self._tell(IDS[image], None)
        self.lost.append(chunk)

    @precondition(lambda self: self.lost)
    @rule(number=EITHER, replica=EITHER, reader=READER)
    def take_over(self, number: int, replica: int, reader: int | None) -> None:
        self.replica = replica
        self._run(number, self.lost.pop(0))
        self._read(reader)

    @rule(image=IMAGES, replica=EITHER, reader=READER)
    def delete(self, image: int, replica: int, reader: int | None) -> None:
        """Delete an image; whether it was there or not, it no longer is."""
        self.replica = replica
        self._deletion().run(CatalogRequest(ids=[IDS[image]]))
        self._tell(IDS[image], False)
        self._read(reader)

    @rule(image=IMAGES, replica=EITHER)
    def delete_without_raising_the_mark(self, image: int, replica: int) -> None:
        self.replica = replica
        with pytest.raises(BrokerUnavailable):
            self._deletion(AbsentMarks()).run(CatalogRequest(ids=[IDS[image]]))
        self._tell(IDS[image], None)

    @rule(replica=EITHER, count=st.integers(1, 5))
    def catch_up(self, replica: int, count: int) -> None:
        self.server.apply(replica, count)

    @rule()
    def save_the_marks(self) -> None:
        self.saved = self.marks.times()

    @rule()
    def restart_redis_without_the_last_changes(self) -> None:
        self.marks.restart(self.saved)

    @rule()
    def ask_the_clock(self) -> None:
        """Let a search worker that saw no mark freeze before it establishes one."""
        epoch = self.marks.read().epoch
        self.unestablished.append((LaggingStore(self.server).read_mark(fresh=True), epoch))

    @precondition(lambda self: self.unestablished)
    @rule(reader=READER)
    def establish(self, reader: int | None) -> None:
        self.marks.establish(*self.unestablished.pop(0))
        self._read(reader)

    @rule()
    def send_a_read(self) -> None:
        self.sent.append(self._send())

    @precondition(lambda self: self.sent)
    @rule(replica=EITHER)
    def answer_a_read(self, replica: int) -> None:
        self._answer(self.sent.pop(0), replica)

    def _read(self, replica: int | None) -> None:
        if replica is not None:
            self._answer(self._send(), replica)

    def _send(self) -> Sent:
        return Sent(self.marks.read(), dict(self.expected), dict(self.versions))

    def _answer(self, sent: Sent, replica: int) -> None:
        """Run a read on a replica; it sees what callers were told before it was sent."""
        self.replica = replica
        store = LaggingStore(self.server)
        known = MarkedReads(store, self.marks).of(Catalog(store).known)
        found = known(CatalogKnownRequest(ids=IDS, as_of=sent.as_of))
        assert isinstance(found, CatalogKnown)
        for image, is_there in sent.expected.items():
            # What has changed since may be found or not.
            if self.versions[image] == sent.versions[image]:
                assert (image in found.known) == is_there

    def _worker(self, shared: Shared | None = None) -> AbstractContextManager[Bench]:
        """Return a worker with a store of its own; a dead one's claims have expired."""
        claims = MemoryClaims(0.0 if shared else LEASE_S, 100, self.shared.claims)
        own = shared or replace(self.shared, store=LaggingStore(self.server))
        return worker(own, claims=claims)

    def _deletion(self, marks: MemoryReadMarks | None = None) -> Deletion:
        shared = replace(self.shared, store=LaggingStore(self.server))
        return shared.deletion(marks=marks)

    def _run(self, number: int, chunk: IngestChunk) -> None:
        ids = {item.index: item.id for item in chunk.items}
        # What has an outcome may have been deleted since.
        before = self.shared.jobs.outcomes(chunk.job_id, ids)
        outcomes = self.workers[number].run(chunk).outcomes
        assert self.shared.jobs.get(chunk.job_id).state in FINAL_STATES
        for outcome in outcomes:
            if outcome.index not in before:
                assert outcome.state in ("indexed", "duplicate")
                self._tell(outcome.id, True)

    def _tell(self, image: str, is_there: bool | None) -> None:
        """Note what callers were told of an image; None leaves them uncertain."""
        self.versions[image] += 1
        self.expected.pop(image, None)
        if is_there is not None:
            self.expected[image] = is_there


TestReadYourWrites = Service.TestCase
TestReadYourWrites.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.fixture
def server() -> LaggingServer:
    return LaggingServer()


def test_a_read_as_of_the_mark_does_not_wait_for_other_writes(server: LaggingServer) -> None:
    shared = Shared(store=LaggingStore(server))
    store = LaggingStore(server)
    known = MarkedReads(store, shared.marks).of(Catalog(store).known)
    known(CatalogKnownRequest(ids=IDS, as_of=shared.marks.read()))
    with worker(shared) as bench:
        bench.run(shared.put(FILES[0]))
    as_of = shared.marks.read()
    unit = np.eye(1, 512, dtype=np.float32)[0]
    record = store.get("default", IDS[:1])[0].model_copy(update={"id": IDS[1]})
    LaggingStore(server).upsert([Row("default", record, unit, "a job")])
    found = known(CatalogKnownRequest(ids=IDS, as_of=as_of))
    assert found == CatalogKnown(known=IDS[:1])
    # Without marks, a read sees everything.
    assert known(CatalogKnownRequest(ids=IDS)) == CatalogKnown(known=IDS[:2])
