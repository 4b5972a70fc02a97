"""Workers frozen past their leases, on a Milvus server."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.chaos import freezes
from tests.chaos.books import SOUND, Books
from tests.chaos.conftest import MakeWorkers, MakeZombies, begun
from tests.chaos.ledger import Ledger
from tests.chaos.rounds import rounds
from tests.conftest import require
from tests.services import MilvusServer, Stack, Worker


@pytest.fixture(scope="module")
def glimpse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole Glimpse on a Milvus server, without an ingest worker."""
    require(MilvusServer)
    folder = tmp_path_factory.mktemp("glimpse_on_a_server")
    with begun(folder, MilvusServer(folder / "milvus")) as stack:
        yield stack


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_an_ingest_frozen_at_any_stage_undoes_nothing(
    ledger: Ledger, books: Books, zombies: MakeZombies, workers: MakeWorkers, _round: int
) -> None:
    freezes.ingests(ledger, books, zombies, workers)
    assert books.audit("ingest frozen at each stage, server") == SOUND


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_a_deletion_frozen_at_any_stage_undoes_nothing(
    stack: Stack, books: Books, zombies: MakeZombies, workers: MakeWorkers, _round: int
) -> None:
    freezes.deletes(stack, books, zombies, workers)
    assert books.audit("deletion frozen at each stage, server") == SOUND


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_workers_frozen_at_random_undo_nothing(
    stack: Stack,
    books: Books,
    workers: MakeWorkers,
    search_worker: Worker,
    dice: random.Random,
    _round: int,
) -> None:
    pair = workers(2, 0.02)
    freezes.at_random(stack, books, pair, search_worker, dice)
    assert books.audit("workers frozen at random, server") == SOUND
