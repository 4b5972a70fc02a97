"""Workers frozen past their leases that resume after others have taken over their work.

Work that a resumed worker continues must not undo the changes made in the meantime.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from tests.chaos.conftest import MakeWorkers, MakeZombies
from tests.support.chaos.books import SOUND, Books, named
from tests.support.chaos.ledger import Ledger
from tests.support.chaos.rounds import rounds
from tests.support.polling import wait_for
from tests.support.services import SlowWorker, Stack, Worker, Zombies

log = logging.getLogger(__name__)

# Stages at which an ingest worker freezes, and a search worker during a deletion.
INGEST_STAGES = ("read", "embedded", "write", "written", "outcome", "settle")
DELETE_STAGES = ("withdraw", "withdrawn", "delete", "deleted", "settle")

# Pictures per chunk, and per batch; see the settings of these tests.
CHUNK = 8
# Pictures per round of random freezes.
_PICTURES = 48


class Freezes:
    """The attacks as tests, on the Milvus of the fixture ``glimpse``."""

    # Name of the Milvus, for the table.
    on: ClassVar[str]
    # Ingest workers of the random attack, and freezes per round, each on the state left by the
    # previous one.
    workers: ClassVar[int]
    freezes: ClassVar[int]

    @pytest.mark.parametrize("_round", range(rounds(1)))
    def test_an_ingest_frozen_at_any_stage_undoes_nothing(
        self,
        ledger: Ledger,
        books: Books,
        zombies: MakeZombies,
        workers: MakeWorkers,
        _round: int,
    ) -> None:
        ingests(ledger, books, zombies, workers)
        assert books.audit(f"ingest frozen at each stage, {self.on}") == SOUND

    @pytest.mark.parametrize("_round", range(rounds(1)))
    def test_a_deletion_frozen_at_any_stage_undoes_nothing(
        self, stack: Stack, books: Books, zombies: MakeZombies, workers: MakeWorkers, _round: int
    ) -> None:
        deletes(stack, books, zombies, workers)
        assert books.audit(f"deletion frozen at each stage, {self.on}") == SOUND

    @pytest.mark.parametrize("_round", range(rounds(1)))
    def test_workers_frozen_at_random_undo_nothing(
        self,
        stack: Stack,
        books: Books,
        workers: MakeWorkers,
        search_worker: Worker,
        dice: random.Random,
        _round: int,
    ) -> None:
        ingest = workers(self.workers, 0.02)
        for _ in range(self.freezes):
            at_random(stack, books, ingest, search_worker, dice)
        assert books.audit(f"workers frozen at random, {self.on}") == SOUND


def ingests(ledger: Ledger, books: Books, zombies: MakeZombies, workers: MakeWorkers) -> None:
    """Freeze an ingest worker at each stage, and meanwhile change its images.

    Some pictures are left alone, some are uploaded again while the worker is frozen, some are
    deleted after other workers indexed them, and some are deleted and uploaded again.
    """
    made = zombies(INGEST_QUEUE, frozen(INGEST_STAGES))
    first = [halted_upload(books, made) for _ in INGEST_STAGES]
    _, twice, deleted, again = ([p for chunk in first for p in chunk[n::4]] for n in range(4))
    with ledger.no_takeover():
        workers()
        books.ended(books.upload(named("twice", twice), "twice"))
    books.ended()
    for picture in (*deleted, *again):
        books.delete(picture)
    books.upload(named("anew", again), "anew")
    books.ended()
    made.wake()


def deletes(stack: Stack, books: Books, zombies: MakeZombies, workers: MakeWorkers) -> None:
    """Freeze two search workers at each stage of a deletion.

    Then another worker deletes the image of the first, which is uploaded again; the image of
    the second is only uploaded again, whether it still exists or not.
    """
    workers()
    images = books.pictures(2 * len(DELETE_STAGES))
    books.upload(named("first", images), "first")
    books.ended()
    stack.search_worker.stop()
    made = zombies(SEARCH_QUEUE, frozen(DELETE_STAGES * 2))
    stages = halted_deletes(books, made, images)
    stack.search_worker.start()
    seen: Counter[str] = Counter()
    for image, stage in zip(images, stages, strict=True):
        seen[stage] += 1
        if seen[stage] == 1:
            books.delete(image)
        name = f"{stage} {'anew' if seen[stage] == 1 else 'twice'}"
        books.upload({f"{name}.jpg": image}, name)
    books.ended()
    made.wake()


def at_random(
    stack: Stack, books: Books, ingest: Sequence[SlowWorker], search: Worker, dice: random.Random
) -> None:
    """Freeze a random ingest worker and a random search worker at a random moment.

    While they are frozen, images that the others have indexed are deleted, and half of those
    are uploaded again under another name, together with new pictures.
    """
    begun = len(ingest[0].all_begun())
    files = books.pictures(_PICTURES)
    books.upload(named("first", files), "first")
    some = dice.randrange(1, _PICTURES // 2)
    wait_for(lambda: len(ingest[0].all_begun()) >= begun + some, 60, "pictures in the model")
    sleepers = [dice.choice(ingest), dice.choice([search, stack.search_worker])]
    try:
        sleepers[0].suspend()
        books.ended()
        gone = dice.sample(files, _PICTURES // 2)
        delete_frozen(books, gone, sleepers[1], dice.randrange(len(gone) // 2))
        books.upload(named("anew", gone[::2]), "anew")
        books.upload(named("second", books.pictures(_PICTURES // 4)), "second")
        if dice.random() < 0.5:
            books.ended()
    finally:
        for worker in dice.sample(sleepers, 2):
            worker.resume()
    books.ended()


def delete_frozen(books: Books, images: Sequence[bytes], search: Worker, some: int) -> None:
    """Delete images, and freeze one of the deleting workers after ``some`` deletions."""
    with ThreadPoolExecutor(4) as callers:
        answers = [callers.submit(books.delete, image) for image in images]
        wait_for(lambda: sum(answer.done() for answer in answers) >= some, 60, "deletions")
        search.suspend()
        for answer in answers:
            answer.result()


def frozen(stages: Sequence[str]) -> list[str]:
    """Return the deeds of zombies that freeze at these stages."""
    return [f"freeze:{stage}" for stage in stages]


def halted_upload(books: Books, zombies: Zombies) -> list[bytes]:
    """Upload pictures, wait until a worker has halted on them, and return them."""
    pictures = books.pictures(CHUNK)
    location = books.upload(named("first", pictures), "first")
    log.warning("halted at %s: %s", zombies.next_stage(), location)
    return pictures


def halted_deletes(books: Books, zombies: Zombies, images: Sequence[bytes]) -> list[str]:
    """Delete each image until a worker halts; return the stages of the halted workers."""
    stages = []
    with ThreadPoolExecutor(len(images)) as callers:
        for image in images:
            before = len(zombies.halted())
            while len(zombies.halted()) == before:
                # The request may have gone to a frozen worker, which never responds.
                answer = callers.submit(books.try_to_delete, image)
                wait_for(
                    lambda answer=answer, before=before: (
                        answer.done() or len(zombies.halted()) > before
                    ),
                    30,
                    "a worker to halt within a deletion",
                )
            stages.append(zombies.next_stage())
    return stages
