"""Reads as of a read mark: they see all reported writes, and do not wait for the present."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeVar

from common.contract import AsOf, Message, ReadRequest
from common.errors import BrokerUnavailable
from common.read_marks.base import ReadMarks
from worker.stores.base import VectorStore

log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=ReadRequest)

_times: ContextVar[Mapping[str, str]] = ContextVar("read_marks")


def time_of(collection: str) -> str | None:
    """Return the time as of which the calling thread reads a collection; None reads strongly."""
    return _times.get({}).get(collection)


@contextmanager
def reading_as_of(times: Mapping[str, str]) -> Iterator[None]:
    """Make reads of the calling thread as of times, by the key of their collection."""
    token = _times.set(times)
    try:
        yield
    finally:
        _times.reset(token)


class MarkedReads:
    """Runs tasks whose reads are as of the read marks in their requests.

    Args:
        store: The store that they read.
        marks: Establishes the mark if a request lacks it.
    """

    def __init__(self, store: VectorStore, marks: ReadMarks) -> None:
        self._store = store
        self._marks = marks

    def of(self, run: Callable[[Request], Message]) -> Callable[[Request], Message]:
        """Return a task that runs as of the marks in its request."""

        def marked(request: Request) -> Message:
            with self.as_of(request):
                return run(request)

        return marked

    def as_of(self, request: ReadRequest) -> AbstractContextManager[None]:
        """Make reads of the calling thread as of the marks in a request."""
        return reading_as_of({} if request.as_of is None else self._times(request.as_of))

    def _times(self, as_of: AsOf) -> Mapping[str, str]:
        own = self._store.read_mark()
        if own is None or own.collection in as_of.times:
            return as_of.times
        present = self._store.read_mark(fresh=True)
        if present is None:
            return {}
        try:
            self._marks.establish(present, as_of.epoch)
        except BrokerUnavailable as error:
            log.warning("read_marks.not_established %s", error)
        # A read as of the present is a strong one.
        return {present.collection: present.time}
