"""Concurrent replays of the same dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chaos.conftest import PATIENT, MakeWorkers
from tests.support.chaos.books import AUDIT, SOUND, Books, named
from tests.support.chaos.ledger import Ledger
from tests.support.chaos.rounds import rounds
from tests.support.letters import give_up
from tests.support.pictures import image_id
from tests.support.services import Stack

IMAGES, CALLERS = 6, 8


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_replays_at_once_embed_an_image_once(
    stack: Stack,
    ledger: Ledger,
    books: Books,
    workers: MakeWorkers,
    record_property: Callable[[str, object], None],
    _round: int,
) -> None:
    pair = workers(2, 0.3, {**PATIENT, "GLIMPSE_WORKER_THREADS": "4"})
    files = named("replayed", books.pictures(IMAGES))
    for data in files.values():
        give_up(stack.redis.url, Path(stack.settings["GLIMPSE_BLOBS_DIR"]), data)

    def replay(name: str) -> int:
        return stack.client.post(f"/v1/dead-letters/{name}/replay").status_code

    names = [image_id(data) for data in files.values()] * CALLERS
    with ThreadPoolExecutor(len(names)) as callers:
        statuses = Counter(callers.map(replay, sorted(names)))
    # Later replays arrive while the first holds the letter (409) or after it is gone (404).
    assert set(statuses) <= {202, 404, 409}
    assert statuses[202] == IMAGES
    ledger.at_rest()
    pixels = Counter(line.split()[1] for line in pair[0].all_begun())
    doubled = pixels.total() - len(pixels)
    attack = {"attack": "replays at once", "images": IMAGES}
    record_property(AUDIT, {**attack, **SOUND, "doubled": doubled})
    assert (doubled, len(pixels)) == (0, IMAGES)
    assert ledger.missing(files.values()) == set()
    assert ledger.new_rows() == IMAGES
