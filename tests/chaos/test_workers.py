"""Ingest workers that are killed, that die of a picture, and that share a job."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from common.claims.redis import RedisClaims
from common.contract import DEFAULT_TENANT
from common.dead_letters.redis import RedisDeadLetters
from tests.chaos.conftest import PATIENT, MakeWorkers, StartFleet
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.pictures import image_id, picture
from tests.support.polling import wait_for
from tests.support.services import DeadlyWorker, Fleet

KILLS = 10
# Default of `GLIMPSE_ATTEMPTS_MAX`.
ATTEMPTS_MAX = 3


def kill_one(fleet: Fleet, dice: random.Random) -> None:
    """Kill a consuming worker after a random delay of up to a few pictures."""
    time.sleep(dice.uniform(0, 0.3))
    wait_for(lambda: fleet.kill_one(dice), 90, "a worker to kill")


def test_ten_kills_of_workers_lose_and_double_nothing(
    ledger: Ledger, fleet: StartFleet, photos: Path, dice: random.Random
) -> None:
    # An image is quarantined after this many deaths during its processing, alone in all but the
    # first. With the default of 3, ten random kills within a minute would quarantine an innocent
    # image about once in a few hundred runs.
    guarded = {"GLIMPSE_ATTEMPTS_MAX": "6"}
    pair = fleet(2, 0.01, guarded)
    files = album(photos, "kills")
    job = ledger.upload(files)
    for done in sorted(dice.sample(range(10, 800), KILLS)):
        ledger.indexed(job, done)
        kill_one(pair, dice)
    ledger.all_indexed(job, files)
    assert pair.deaths == KILLS


def test_deadly_pictures_are_quarantined_and_their_neighbours_indexed(
    ledger: Ledger, fleet: StartFleet, workers: MakeWorkers, photos: Path
) -> None:
    # Chunks have eight images. Both deadly ones are in the first; other chunks run next to it.
    innocent = list(album(photos, "deadly", 46).items())
    deadly = {colour: picture(colour) for colour in ("magenta", "cyan")}
    files = dict([*innocent[:3], *deadly.items(), *innocent[3:]])
    pair = fleet(2, 0.005, kind=DeadlyWorker)
    job = ledger.settled(location := ledger.upload(files))
    assert (job["state"], job["indexed"], job["failed"]) == ("partial", 46, 2)
    failed = ledger.items(location, "failed")
    assert {item["filename"]: item["code"] for item in failed} == dict.fromkeys(
        deadly, "quarantined"
    )
    letters, _ = RedisDeadLetters(ledger.redis).page(DEFAULT_TENANT, 10)
    assert {letter.filename: (letter.code, letter.attempts) for letter in letters} == dict.fromkeys(
        deadly, ("quarantined", ATTEMPTS_MAX)
    )
    # The first death counts for all images in progress, every later one for a single picture.
    assert ATTEMPTS_MAX <= pair.deaths <= ATTEMPTS_MAX * len(deadly)
    pair.wait_until_ready()
    ledger.at_rest()
    replayed_elsewhere(ledger, pair, workers, deadly)


def replayed_elsewhere(
    ledger: Ledger, deadly: Fleet, workers: MakeWorkers, killers: dict[str, bytes]
) -> None:
    """Check that another worker indexes the pictures once their attempts are reset."""
    deadly.close()
    workers()
    ids = [image_id(data) for data in killers.values()]
    RedisClaims(ledger.redis, lease_s=2, attempts_max=ATTEMPTS_MAX).forget(DEFAULT_TENANT, ids)
    assert ledger.settled(ledger.upload(killers))["indexed"] == len(killers)
    assert ledger.missing(killers.values()) == set()
    ledger.at_rest()


def test_workers_of_one_machine_share_a_job(
    ledger: Ledger, workers: MakeWorkers, photos: Path
) -> None:
    three = workers(3, 0.01, PATIENT)
    files = album(photos, "shared", 400)
    ledger.all_indexed(ledger.upload(files), files)
    assert all(worker.begun() for worker in three)
    pixels = Counter(line.split()[1] for line in three[0].all_begun())
    assert set(pixels.values()) == {1}
    assert len(pixels) == len(files)
