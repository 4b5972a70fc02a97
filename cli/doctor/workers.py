"""Checks the workers by their heartbeats: queues, stores, clocks, models and versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.doctor.clock import clock_finding
from common.contract import QUEUES
from common.findings import Finding, Part
from common.heartbeats import Heartbeat

_PART = Part("workers")


def look(beats: Sequence[Heartbeat], active: str | None, now: float) -> Iterator[Finding]:
    """Yield what there is to say about the live workers.

    Args:
        beats: Their heartbeats.
        active: The active model; None before the first worker.
        now: The time by Redis's clock.
    """
    for queue in QUEUES:
        yield _queue(queue, [beat for beat in beats if beat.queue == queue], active)
    for beat in beats:
        yield from _troubles(beat, now)
    if beats:
        widest = max(beats, key=lambda beat: abs(beat.clock_skew_s))
        yield clock_finding("workers", f"The clock of {widest.name}", widest.clock_skew_s)
        yield _versions(beats)


def _queue(queue: str, beats: Sequence[Heartbeat], active: str | None) -> Finding:
    check = f"{queue} queue"
    serving = [beat for beat in beats if beat.serves]
    if serving:
        return _PART.ok(check, f"{_count(len(serving))} of {active or serving[0].model}: {queue}.")
    if beats:
        models = ", ".join(sorted({beat.model for beat in beats}))
        return _PART.error(
            check,
            f"The {queue} workers run {models}, and {active} is active.",
            f"Start a worker of {active}, or make theirs the active model: `glimpse models use`.",
        )
    return _PART.error(
        check,
        f"No worker consumes the {queue} queue.",
        f"Start one: `python -m worker run {queue}`.",
    )


def _troubles(beat: Heartbeat, now: float) -> Iterator[Finding]:
    if beat.store_error is not None:
        yield _PART.error(
            f"store of {beat.name}",
            f"Milvus does not answer {beat.name}: {beat.store_error}",
            "Check that the worker's machine reaches GLIMPSE_MILVUS_URI.",
        )
    if not beat.consumes(now):
        yield _PART.error(
            f"consumer of {beat.name}",
            f"{beat.name} has stopped polling its queue.",
            "Restart it.",
        )


def _versions(beats: Sequence[Heartbeat]) -> Finding:
    versions = sorted({beat.version or "an older version" for beat in beats})
    revisions = {(beat.model, beat.revision) for beat in beats}
    if len({model for model, _ in revisions}) < len(revisions):
        return _PART.error(
            "versions",
            "Workers of the same model use different revisions of it, whose vectors differ.",
            "Run the same version and weights everywhere.",
        )
    if len(versions) > 1:
        return _PART.warning(
            "versions",
            f"The workers run different versions: {', '.join(versions)}.",
            "Complete the upgrade.",
        )
    return _PART.ok("versions", f"All workers run {versions[0]}.")


def _count(workers: int) -> str:
    return "One worker" if workers == 1 else f"{workers} workers"
