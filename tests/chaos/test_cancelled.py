"""Cancelling jobs whose workers died or froze: the reported states match search results."""

from __future__ import annotations

import random

import pytest

from common.contract import INGEST_QUEUE
from tests.chaos.conftest import MakeWorkers, MakeZombies
from tests.support.chaos.books import SOUND, Books, named
from tests.support.chaos.freezes import CHUNK, halted_upload
from tests.support.chaos.rounds import rounds
from tests.support.polling import wait_for

# The deed and stage of each job's worker.
DEEDS = (
    "die:write",
    "die:written",
    "die:outcome",
    "freeze:embedded",
    "freeze:write",
    "freeze:written",
)
# Pictures of a job whose worker is killed at random.
PICTURES = 64


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_what_is_told_to_be_cancelled_is_not_found(
    books: Books, zombies: MakeZombies, workers: MakeWorkers, _round: int
) -> None:
    made = zombies(INGEST_QUEUE, DEEDS)
    for _ in DEEDS:
        halted_upload(books, made)
    books.cancel_all()
    workers()
    books.ended()
    made.wake()
    assert books.audit("cancelled when its worker died or froze") == SOUND


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_a_job_cancelled_as_its_worker_dies_is_what_it_says(
    books: Books, workers: MakeWorkers, dice: random.Random, _round: int
) -> None:
    # With batches of one, a chunk's rows are written one by one, but its outcomes all at once.
    pair = workers(2, 0.02, {"GLIMPSE_BATCH_MAX": "1"})
    books.upload(named("doomed", books.pictures(PICTURES)))
    some = dice.randrange(1, PICTURES - CHUNK)
    wait_for(lambda: len(pair[0].all_begun()) >= some, 60, "pictures in the model")
    dice.choice(pair).kill()
    books.cancel_all()
    assert books.audit("cancelled as a worker is killed at random") == SOUND
