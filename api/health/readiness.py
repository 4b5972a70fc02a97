"""Readiness: whether an upload would be indexed and a search answered now."""

from __future__ import annotations

from api.schemas.health import Part
from common.contract import QUEUES
from common.errors import BrokerUnavailable
from common.heartbeats import Heartbeat, Heartbeats
from common.redis_time import SKEW_S_MAX, Clock

# Seconds without a result after which a model counts as hung; idle workers run probes far more
# often.
_INFERENCE_AGE_MAX_S = 60.0


def check_parts(heartbeats: Heartbeats, clock: Clock) -> list[Part]:
    """Check Redis, the store as reported by the workers, and the workers of each queue.

    A wrong clock is reported in the component's detail but does not change its status.

    Args:
        heartbeats: The workers' heartbeats.
        clock: The clock that the heartbeats use.
    """
    try:
        beats = heartbeats.alive()
    except BrokerUnavailable as error:
        return [Part("redis", ok=False, detail=str(error))]
    redis = Part("redis", ok=True, detail="answers" + _skew("the API's", clock.skew_s()))
    workers = [_check_queue(queue, beats, clock.now()) for queue in QUEUES]
    return [redis, _check_store(beats), *workers]


def _check_store(beats: list[Heartbeat]) -> Part:
    if not beats:
        return Part("milvus", ok=False, detail="Unknown, because no worker is running.")
    errors = [beat.store_error for beat in beats if beat.store_error]
    return Part("milvus", ok=not errors, detail=errors[0] if errors else "answers")


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
