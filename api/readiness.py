"""Readiness: whether a picture sent now would be indexed, and a search answered."""

from __future__ import annotations

import time
from dataclasses import dataclass

from common.contract import QUEUES
from common.errors import BrokerUnavailable
from common.heartbeats import Heartbeat, Heartbeats

# Seconds after which a model that gave no result counts as stuck; an idle worker
# runs one of its own long before.
_INFERENCE_AGE_MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One part: its name, whether it is there, and what to know about it."""

    part: str
    ok: bool
    detail: str
    workers: int | None = None
    model: str | None = None
    inference_age_s: float | None = None


def check_parts(heartbeats: Heartbeats) -> list[Check]:
    """Look at Redis, at the store as the workers see it, and at the workers of each queue."""
    try:
        beats = heartbeats.alive()
    except BrokerUnavailable as error:
        return [Check("redis", ok=False, detail=str(error))]
    workers = [_check_queue(queue, beats) for queue in QUEUES]
    return [Check("redis", ok=True, detail="answers"), _check_store(beats), *workers]


def _check_store(beats: list[Heartbeat]) -> Check:
    if not beats:
        return Check("milvus", ok=False, detail="No worker is there to ask it.")
    errors = [beat.store_error for beat in beats if beat.store_error]
    return Check("milvus", ok=not errors, detail=errors[0] if errors else "answers")


def _check_queue(queue: str, beats: list[Heartbeat]) -> Check:
    part = f"worker-{queue}"
    mine = [beat for beat in beats if beat.queue == queue]
    if not mine:
        return Check(part, ok=False, detail=f"No worker consumes the queue {queue}.", workers=0)
    consuming = [beat for beat in mine if beat.consumes()]
    age = time.time() - max(beat.inference_at for beat in consuming or mine)
    detail = "works"
    if not consuming:
        detail = "Its consumer has not looked for work for too long; restart it."
    elif age > _INFERENCE_AGE_MAX_S:
        detail = "Its model has given no result for too long; restart it."
    return Check(
        part,
        ok=detail == "works",
        detail=detail,
        workers=len(mine),
        model=mine[0].model,
        inference_age_s=round(age, 1),
    )
