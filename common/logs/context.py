"""The fields of log lines: the request, job, task, image, tenant and worker that they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType

# Fields of every line of this process.
_of_process: dict[str, str] = {}
# Fields of the current request or task. A pool's thread has them if its work was wrapped by
# ``contextvars.copy_context().run``.
_bound: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=MappingProxyType({}))

Binding = Token[Mapping[str, str]]


def fields() -> dict[str, str]:
    """Return the fields of a line that is logged now."""
    return {**_of_process, **_bound.get()}


def current_request() -> str | None:
    """Return the id of the request that the current work comes from; None if from none."""
    return fields().get("request")


def bind(**named: str | None) -> Binding:
    """Add fields to the following lines, except those that are None, until they are released."""
    known = {name: value for name, value in named.items() if value is not None}
    return _bound.set({**_bound.get(), **known})


def release(binding: Binding) -> None:
    """Remove the fields that a call of ``bind`` in the same thread has added."""
    _bound.reset(binding)


@contextmanager
def bound(**named: str | None) -> Iterator[None]:
    """Add fields to the lines of a block."""
    binding = bind(**named)
    try:
        yield
    finally:
        release(binding)


def bind_process(**named: str) -> None:
    """Add fields to all lines of this process."""
    _of_process.update(named)
