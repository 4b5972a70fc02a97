"""Parts of a worker whose calls are spans, in place of the same parts whose calls are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from common.claims.redis import RedisClaims
from common.jobs.redis import RedisJobs
from common.traces.spans import is_tracing, span
from worker.ingest.pipeline import IngestPipeline
from worker.stores.base import CALLS, VectorStore
from worker.wrapped import Method, Wrap, wrapped

T = TypeVar("T")


def traced_store(store: VectorStore) -> VectorStore:
    """Return a store whose calls are spans."""
    return _traced(store, "store", CALLS)


def traced_claims(claims: RedisClaims) -> RedisClaims:
    """Return claims whose calls about a task's images are spans."""
    return _traced(claims, "claims", ("take", "settle", "give_back"))


def traced_jobs(jobs: RedisJobs) -> RedisJobs:
    """Return job records whose outcomes are recorded in spans."""
    return _traced(jobs, "jobs", ("record",))


def traced_pipeline(pipeline: IngestPipeline) -> IngestPipeline:
    """Return a pipeline whose decoding is spans, as part of the decoders' threads."""
    if not is_tracing():
        return pipeline
    return wrapped(pipeline, submit=lambda submit: lambda read: submit(_in_span("decode")(read)))


def _traced(target: T, part: str, methods: tuple[str, ...]) -> T:
    """Return an object whose methods are spans; itself if spans are not recorded."""
    if not is_tracing():
        return target
    return wrapped(target, **{name: _in_span(f"{part}.{name}") for name in methods})


def _in_span(name: str) -> Wrap:
    def wrap(method: Method) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with span(name):
                return method(*args, **kwargs)

        return call

    return wrap
