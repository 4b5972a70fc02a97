"""Readiness: whether an upload would be accepted now, a search answered, or everything works."""

from __future__ import annotations

from collections.abc import Sequence

from api.schemas.health import Part, Purpose
from api.services import Services
from common.contract import QUEUES, SEARCH_QUEUE
from common.errors import BrokerUnavailable
from common.heartbeats import Heartbeat
from common.redis.time import SKEW_S_MAX

# Seconds without a result after which a model counts as hung; idle workers run probes far more
# often.
_INFERENCE_AGE_MAX_S = 60.0
# The components that each purpose needs; other purposes need all of them. An upload waits in the
# queue for workers and Milvus, so it does not need them.
_NEEDED: dict[Purpose, frozenset[str]] = {
    "upload": frozenset({"redis", "blobs"}),
    "search": frozenset({"redis", "milvus", f"worker-{SEARCH_QUEUE}"}),
}


def check_parts(services: Services, purpose: Purpose) -> list[Part]:
    """Check Redis, the blob store, Milvus as reported by workers, and each queue's workers.

    A wrong clock is reported in the component's detail but does not change its status.

    Args:
        services: The services to check.
        purpose: For ``search``, Milvus is as search workers report it.
    """
    try:
        beats = services.heartbeats.alive()
    except BrokerUnavailable as error:
        return [Part("redis", ok=False, detail=str(error))]
    redis = Part("redis", ok=True, detail="answers" + _skew("the API's", services.clock.skew_s()))
    trouble = services.blob_check.trouble(services.blobs)
    blobs = Part("blobs", ok=trouble is None, detail=trouble or "answers")
    milvus = _check_store(beats, [SEARCH_QUEUE] if purpose == "search" else QUEUES)
    workers = [_check_queue(queue, beats, services.clock.now()) for queue in QUEUES]
    return [redis, blobs, milvus, *workers]


def missing(parts: Sequence[Part], purpose: Purpose) -> list[Part]:
    """Return the components that a purpose needs and that are not available."""
    needed = _NEEDED.get(purpose)
    return [part for part in parts if not part.ok and (needed is None or part.part in needed)]


def _check_store(beats: list[Heartbeat], queues: Sequence[str]) -> Part:
    """Check whether workers of each queue reach Milvus; those that do make up for others."""
    mine = [beat for beat in beats if beat.queue in queues]
    if not mine:
        return Part("milvus", ok=False, detail="Unknown, because no worker is running.")
    errors = [beat for beat in mine if beat.store_error]
    reaching = {beat.queue for beat in mine if not beat.store_error}
    if {beat.queue for beat in mine} - reaching:
        return Part("milvus", ok=False, detail=str(errors[0].store_error))
    note = (
        f"; not to {len(errors)} of {len(mine)} workers: {errors[0].store_error}" if errors else ""
    )
    return Part("milvus", ok=True, detail=f"answers{note}")


def _check_queue(queue: str, beats: list[Heartbeat], now: float) -> Part:
    part = f"worker-{queue}"
    running = [beat for beat in beats if beat.queue == queue]
    mine = [beat for beat in running if beat.serves]
    if not mine:
        return Part(part, ok=False, detail=_absence(queue, running), workers=0)
    skew_s = max((beat.clock_skew_s for beat in mine), key=abs)
    consuming = [beat for beat in mine if beat.consumes(now)]
    age = now - max(beat.inference_at for beat in consuming or mine)
    trouble = _trouble(is_consuming=bool(consuming), age_s=age)
    return Part(
        part,
        ok=trouble is None,
        detail=trouble or "works" + _skew("a worker's", skew_s),
        workers=len(mine),
        model=mine[0].model,
        inference_age_s=round(age, 1),
    )


def _absence(queue: str, running: list[Heartbeat]) -> str:
    """Return why no worker serves a queue and, if workers of another model run, what to do."""
    others = sorted({beat.model for beat in running})
    if not others:
        return f"No worker consumes the queue {queue}."
    return (
        f"No {queue} worker of the active model runs, only of {', '.join(others)}: start one with"
        f" the active model, or run `glimpse models use {others[0]}`."
    )


def _trouble(*, is_consuming: bool, age_s: float) -> str | None:
    """Return which part of a queue's workers hangs and what to do, or None."""
    if not is_consuming:
        return "The consumer has not polled for tasks for too long; restart the worker."
    if age_s > _INFERENCE_AGE_MAX_S:
        return "The model has returned no result for too long; restart the worker."
    return None


def _skew(whose: str, ahead_s: float) -> str:
    """Return a note on a wrong clock, or an empty string if the clock is right."""
    if abs(ahead_s) <= SKEW_S_MAX:
        return ""
    direction = "ahead of" if ahead_s > 0 else "behind"
    return f"; {whose} clock is {abs(ahead_s):.0f} s {direction} Redis's: correct it"
