"""Images are edited while workers die, and beside uploads and deletions of them."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.conftest import StartFleet
from tests.support.chaos.ledger import Ledger
from tests.support.chaos.rounds import rounds
from tests.support.pictures import image_id, jpeg
from tests.support.polling import ready, wait_for
from tests.support.services import Fleet, Stack

# Images that stay, and that are deleted meanwhile.
_KEPT, _DOOMED = 40, 12
# Jobs that edit all of them, changes of one image each, and kills of ingest workers.
_JOBS, _PATCHES, _KILLS = 4, 20, 3
# Seconds for a call to get an answer other than "retry".
_ANSWER_S = 60
# Other tasks' attempts at an image count too: as in `test_workers.py`.
_GUARDED = {"GLIMPSE_ATTEMPTS_MAX": "8"}


def answered(stack: Stack, method: str, path: str, **content: object) -> int:
    """Repeat a call while the API responds 503; return the final status."""

    def tried() -> int | None:
        status = stack.client.request(method, path, **content).status_code  # type: ignore[arg-type]
        return status if status != 503 else None

    return wait_for(tried, _ANSWER_S, f"an answer to {method}")


def edit_all(stack: Stack, ids: Sequence[str]) -> list[str]:
    """Begin jobs that tag all images; return their locations."""
    locations = []
    for number in range(_JOBS):
        body = {"ids": list(ids), "tags": {"add": [f"job {number}"]}}
        response = stack.client.post("/v1/images/edits", json=body).raise_for_status()
        locations.append(response.headers["Location"])
        time.sleep(0.3)
    return locations


def patch_some(stack: Stack, ids: Sequence[str]) -> dict[str, set[str]]:
    """Tag images one by one; return the acknowledged tags of each."""
    tags: dict[str, set[str]] = {name: set() for name in ids}
    for number in range(_PATCHES):
        name, tag = ids[number % len(ids)], f"patch {number}"
        body = {"tags": {"add": [tag]}}
        assert answered(stack, "PATCH", f"/v1/images/{name}", json=body) == 200
        tags[name].add(tag)
    return tags


def delete_all(stack: Stack, ids: Sequence[str]) -> None:
    for name in ids:
        assert answered(stack, "DELETE", f"/v1/images/{name}") in (204, 404)
        time.sleep(0.1)


def kill_some(pair: Fleet, dice: random.Random) -> None:
    for _ in range(_KILLS):
        time.sleep(dice.uniform(0, 0.5))
        wait_for(lambda: pair.kill_one(dice), 90, "a worker to kill")


@pytest.mark.parametrize("_round", range(rounds(1)))
def test_no_edit_is_lost_and_no_deleted_image_returns(
    stack: Stack, ledger: Ledger, fleet: StartFleet, dice: random.Random, _round: int
) -> None:
    pair = fleet(2, 0.0, _GUARDED)
    files = [jpeg(number) + uuid.uuid4().bytes for number in range(_KEPT + _DOOMED)]
    ids = [image_id(data) for data in files]
    kept, doomed = ids[:_KEPT], ids[_KEPT:]
    named = {f"{number}.jpg": data for number, data in enumerate(files)}
    before = ledger.new_rows()
    ledger.settled(ledger.upload(named, tags=["first"]))
    ready(stack.client)
    with ThreadPoolExecutor(4) as threads:
        jobs = threads.submit(edit_all, stack, ids)
        patched = threads.submit(patch_some, stack, kept)
        again = threads.submit(ledger.upload, dict(list(named.items())[:_KEPT]), tags=["again"])
        others = [
            threads.submit(delete_all, stack, doomed),
            threads.submit(kill_some, pair, dice),
        ]
        for other in others:
            other.result()
    for location in jobs.result():
        ledger.settled(location)
        states = {item["id"]: item["state"] for item in ledger.items(location)}
        assert {states[name] for name in kept} == {"modified"}
        assert {states[name] for name in doomed} <= {"modified", "failed"}
    job = ledger.settled(again.result())
    assert (job["duplicates"], job["changed"]) == (_KEPT, _KEPT)
    _, records = ledger.rows(ids)
    assert set(records) == set(kept)
    assert ledger.new_rows() - before == _KEPT
    by_jobs = {f"job {number}" for number in range(_JOBS)}
    for name in kept:
        assert set(records[name].tags) == {"first", "again", *by_jobs, *patched.result()[name]}
    ledger.at_rest()
    for name in kept:
        assert answered(stack, "DELETE", f"/v1/images/{name}") == 204
