"""Parts of a worker that report to its instruments, in place of the same parts that do not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from common.contract import Message
from common.errors import GlimpseError
from common.jobs.base import JobRecords
from worker.encoders.base import Encoder
from worker.ingest.pipeline import IngestPipeline
from worker.metrics.instruments import WorkerMetrics
from worker.stores.base import CALLS, VectorStore
from worker.upkeep.turn import Check, TurnLost
from worker.wrapped import Method, timed, wrapped

P = ParamSpec("P")
M = TypeVar("M", bound=Message)
J = TypeVar("J", bound=JobRecords)

# The result of an attempt that succeeded, and of one that failed unexpectedly.
_OK, _FAULT = "ok", "fault"


def measured_encoder(encoder: Encoder, metrics: WorkerMetrics) -> Encoder:
    """Return an encoder whose batches are timed."""
    return wrapped(
        encoder,
        encode_images=timed(metrics.encode.labels("images").observe),
        encode_texts=timed(metrics.encode.labels("texts").observe),
    )


def measured_store(store: VectorStore, metrics: WorkerMetrics) -> VectorStore:
    """Return a store whose calls are timed."""

    def observe(operation: str) -> Callable[[float], None]:
        # A time series exists only for operations that this worker calls.
        return lambda seconds: metrics.store.labels(operation).observe(seconds)

    return wrapped(store, **{name: timed(observe(name)) for name in CALLS})


def measured_pipeline(pipeline: IngestPipeline, metrics: WorkerMetrics) -> IngestPipeline:
    """Return a pipeline whose decoding is timed, as part of the decoders' threads."""
    clock = timed(metrics.decode.observe)
    return wrapped(pipeline, submit=lambda submit: lambda read: submit(clock(read)))


def counted_jobs(jobs: J, metrics: WorkerMetrics) -> J:
    """Return job records that count the outcomes recorded through them."""

    def counted(record: Method) -> Method:
        def call(job_id: str, outcomes: Any, *args: Any) -> None:
            record(job_id, outcomes, *args)
            metrics.ended(outcomes)

        return call

    return wrapped(jobs, record=counted)


def measured_task(name: str, run: Callable[P, M], metrics: WorkerMetrics) -> Callable[P, M]:
    """Return a task whose attempts are timed, and counted by their results."""

    def attempt(*args: P.args, **kwargs: P.kwargs) -> M:
        began, result = time.perf_counter(), _FAULT
        try:
            answer = run(*args, **kwargs)
        except GlimpseError as error:
            result = error.code
            raise
        else:
            result = _result_of(answer)
            return answer
        finally:
            metrics.task.labels(name).observe(time.perf_counter() - began)
            metrics.attempts.labels(name, result).inc()

    return attempt


def counted_chores(
    chores: Mapping[str, Callable[[Check], object]], metrics: WorkerMetrics
) -> dict[str, Callable[[Check], object]]:
    """Return chores that count what they find and their failures, from 0 on."""
    return {name: _counted_chore(name, chore, metrics) for name, chore in chores.items()}


def _counted_chore(
    name: str, chore: Callable[[Check], object], metrics: WorkerMetrics
) -> Callable[[Check], None]:
    found, failed = metrics.upkeep_found.labels(name), metrics.upkeep_failed.labels(name)

    def run(check: Check) -> None:
        try:
            number = chore(check)
        except TurnLost:
            raise
        except Exception:
            failed.inc()
            raise
        # The others return nothing: they tidy up, whatever there is.
        if isinstance(number, int):
            found.inc(number)

    return run


def _result_of(answer: Message) -> str:
    """Return the code of the error that is part of an answer, or "ok"."""
    error = getattr(answer, "error", None)
    return _OK if error is None else str(error.code)
