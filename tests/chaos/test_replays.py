"""Images that were given up are tried again by many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chaos.books import AUDIT, SOUND, Books, named
from tests.chaos.conftest import PATIENT, MakeWorkers
from tests.chaos.ledger import Ledger
from tests.chaos.rounds import rounds
from tests.pictures import image_id
from tests.services import Stack

IMAGES, CALLERS = 6, 8


def given_up(stack: Stack, ledger: Ledger, files: dict[str, bytes]) -> None:
    """Let a worker give up images, whose bytes are away for as long as that takes."""
    folder = Path(stack.settings["GLIMPSE_BLOBS_DIR"]) / "default" / "originals"
    places = [folder / name[:2] / name for name in map(image_id, files.values())]
    job = ledger.upload(files)
    for place in places:
        place.rename(place.with_suffix(".away"))
    failed = ledger.items(job, "failed") if ledger.settled(job) else []
    assert {item["code"] for item in failed} == {"store_error"}
    assert len(failed) == len(files)
    for place in places:
        place.with_suffix(".away").rename(place)


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_replays_at_once_embed_an_image_once(
    stack: Stack,
    ledger: Ledger,
    books: Books,
    workers: MakeWorkers,
    record_property: Callable[[str, object], None],
    _round: int,
) -> None:
    # Only an API that begins marks the blob folder, in a Redis that was emptied since.
    stack.api.stop()
    stack.api.start()
    pair = workers(2, 0.3, {**PATIENT, "GLIMPSE_MISSING_S": "0.5", "GLIMPSE_WORKER_THREADS": "4"})
    files = named("replayed", books.pictures(IMAGES))
    given_up(stack, ledger, files)
    assert pair[0].all_begun() == []

    def replay(name: str) -> int:
        return stack.client.post(f"/v1/dead-letters/{name}/replay").status_code

    names = [image_id(data) for data in files.values()] * CALLERS
    with ThreadPoolExecutor(len(names)) as callers:
        statuses = Counter(callers.map(replay, sorted(names)))
    assert set(statuses) <= {202, 404}
    ledger.at_rest()
    pixels = Counter(line.split()[1] for line in pair[0].all_begun())
    doubled = pixels.total() - len(pixels)
    attack = {"attack": "replays at once", "images": IMAGES}
    record_property(AUDIT, {**attack, **SOUND, "doubled": doubled})
    assert (doubled, len(pixels)) == (0, IMAGES)
    assert ledger.missing(files.values()) == set()
    assert ledger.new_rows() == IMAGES
