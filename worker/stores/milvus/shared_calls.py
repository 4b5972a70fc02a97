"""Shared calls: queries of one kind that wait for each other are sent in one call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeAlias, TypeVar

Kind = TypeVar("Kind", bound=Hashable)
Query = TypeVar("Query")
Found = TypeVar("Found")

# A query, and what its thread waits for: its result, or the queries that it is to send.
_Waiting: TypeAlias = "tuple[Query, Future[Found | _Turn[Query, Found]]]"


class _Turn(Generic[Query, Found]):
    """The queries of the next call; the first is that of the thread that makes it."""

    def __init__(self, queries: list[_Waiting[Query, Found]]) -> None:
        self.queries = queries


class SharedCalls(Generic[Kind, Query, Found]):
    """Sends queries of many threads, one call of a kind at a time.

    A query is sent at once if no call of its kind runs. Those that arrive meanwhile are sent
    together by one of their threads when it ends. So every query is sent after it has arrived,
    and sees what was written before.

    Args:
        call: Takes a kind and its queries; returns a result for each, in their order.
    """

    def __init__(self, call: Callable[[Kind, Sequence[Query]], Sequence[Found]]) -> None:
        self._call = call
        self._lock = threading.Lock()
        # By kind, while a call of it runs.
        self._waiting: dict[Kind, list[_Waiting[Query, Found]]] = {}

    def run(self, kind: Kind, query: Query, most: int) -> Found:
        """Return a query's result, or raise what its call raises.

        Args:
            kind: What the queries of a call must have in common.
            query: The query.
            most: Maximum queries of a call; the same for all of a kind.
        """
        mine: _Waiting[Query, Found] = (query, Future())
        with self._lock:
            waiting = self._waiting.get(kind)
            if waiting is None:
                self._waiting[kind] = []
            else:
                waiting.append(mine)
        if waiting is None:
            return self._send(kind, [mine], most)
        turn = mine[1].result()
        return self._send(kind, turn.queries, most) if isinstance(turn, _Turn) else turn

    def _send(self, kind: Kind, queries: list[_Waiting[Query, Found]], most: int) -> Found:
        """Send queries, settle all but the first, and return its result."""
        others = [future for _, future in queries[1:]]
        try:
            try:
                found = self._call(kind, [query for query, _ in queries])
            finally:
                self._hand_over(kind, most)
            # Before any is settled: too few results are an error of all.
            answers = [*zip(others, found[1:], strict=True)]
        except BaseException as error:
            for future in others:
                future.set_exception(error)
            raise
        for future, one in answers:
            future.set_result(one)
        return found[0]

    def _hand_over(self, kind: Kind, most: int) -> None:
        """Let one of the threads that wait send the next queries."""
        with self._lock:
            waiting = self._waiting[kind]
            if not waiting:
                del self._waiting[kind]
                return
            self._waiting[kind] = waiting[most:]
        waiting[0][1].set_result(_Turn(waiting[:most]))
