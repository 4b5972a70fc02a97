"""Redis is killed and restarted in the middle of a job."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.chaos.conftest import StartFleet
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.polling import ready
from tests.support.services import Stack

KILLS = 4


def test_kills_of_redis_lose_and_double_nothing(
    stack: Stack, ledger: Ledger, fleet: StartFleet, photos: Path, dice: random.Random
) -> None:
    fleet(2, 0.03)
    files = album(photos, "redis", 330)
    job = ledger.upload(files)
    for done in sorted(dice.sample(range(10, 230), KILLS)):
        ledger.indexed(job, done)
        time.sleep(dice.uniform(0, 0.3))
        stack.redis.kill()
        time.sleep(dice.uniform(0, 1))
        stack.redis.start()
        ready(stack.client)
    ledger.all_indexed(job, files)
