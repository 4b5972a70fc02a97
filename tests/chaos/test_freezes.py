"""Workers frozen past their leases, on Milvus Lite."""

from __future__ import annotations

import random

import pytest

from tests.chaos import freezes
from tests.chaos.books import SOUND, Books
from tests.chaos.conftest import MakeWorkers, MakeZombies
from tests.chaos.ledger import Ledger
from tests.chaos.rounds import rounds
from tests.services import Stack, Worker

# Freezes of one round: each follows on what the one before has left.
FREEZES = 2


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_an_ingest_frozen_at_any_stage_undoes_nothing(
    ledger: Ledger, books: Books, zombies: MakeZombies, workers: MakeWorkers, _round: int
) -> None:
    freezes.ingests(ledger, books, zombies, workers)
    assert books.audit("ingest frozen at each stage, Lite") == SOUND


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_a_deletion_frozen_at_any_stage_undoes_nothing(
    stack: Stack, books: Books, zombies: MakeZombies, workers: MakeWorkers, _round: int
) -> None:
    freezes.deletes(stack, books, zombies, workers)
    assert books.audit("deletion frozen at each stage, Lite") == SOUND


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_workers_frozen_at_random_undo_nothing(
    stack: Stack,
    books: Books,
    workers: MakeWorkers,
    search_worker: Worker,
    dice: random.Random,
    _round: int,
) -> None:
    three = workers(3, 0.02)
    for _ in range(FREEZES):
        freezes.at_random(stack, books, three, search_worker, dice)
    assert books.audit("workers frozen at random, Lite") == SOUND
