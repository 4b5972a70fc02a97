"""Shared calls: queries of one kind that wait for each other are sent in one call."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from common.errors import StoreUnavailable
from tests.support.polling import wait_for
from worker.stores.milvus.shared_calls import SharedCalls

MOST = 4


class Store:
    """Answers with the query's double; each call of it can be held up, and can fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.go_on = threading.Semaphore(0)
        self.errors: list[BaseException] = []

    def call(self, kind: str, queries: Sequence[int]) -> list[int]:
        self.calls.append((kind, [*queries]))
        assert self.go_on.acquire(timeout=30)
        if self.errors:
            raise self.errors.pop(0)
        return [2 * query for query in queries]

    def sizes(self, kind: str = "a") -> list[int]:
        return [len(queries) for each, queries in self.calls if each == kind]

    def let(self, calls: int) -> None:
        self.go_on.release(calls)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def shared(store: Store) -> SharedCalls[str, int, int]:
    return SharedCalls(store.call)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def begin(
    shared: SharedCalls[str, int, int],
    threads: ThreadPoolExecutor,
    queries: Sequence[int],
    kind: str = "a",
) -> list[Future[int]]:
    """Begin queries in threads of their own; return once all but the first one wait for it."""
    waiting = len(shared._waiting.get(kind, ())) + len(queries) - (kind not in shared._waiting)
    begun = [threads.submit(shared.run, kind, query, MOST) for query in queries]
    wait_for(
        lambda: kind in shared._waiting and len(shared._waiting[kind]) == waiting,
        30,
        "the queries to wait",
    )
    return begun


def test_one_query_is_one_call(store: Store, shared: SharedCalls[str, int, int]) -> None:
    store.let(2)
    assert [shared.run("a", query, MOST) for query in (1, 2)] == [2, 4]
    assert store.calls == [("a", [1]), ("a", [2])]


def test_queries_that_wait_are_sent_together(
    store: Store, shared: SharedCalls[str, int, int], threads: ThreadPoolExecutor
) -> None:
    first = begin(shared, threads, [0])
    others = begin(shared, threads, range(1, MOST + 1))
    store.let(2)
    assert [one.result(30) for one in first + others] == [0, 2, 4, 6, 8]
    assert store.sizes() == [1, MOST]


def test_no_call_has_too_many(
    store: Store, shared: SharedCalls[str, int, int], threads: ThreadPoolExecutor
) -> None:
    begun = begin(shared, threads, range(2 * MOST + 2))
    store.let(4)
    assert [one.result(30) for one in begun] == [2 * query for query in range(2 * MOST + 2)]
    assert store.sizes() == [1, MOST, MOST, 1]


def test_a_query_that_arrives_during_a_call_is_sent_after_it(
    store: Store, shared: SharedCalls[str, int, int], threads: ThreadPoolExecutor
) -> None:
    (first,) = begin(shared, threads, [1])
    (second,) = begin(shared, threads, [2])
    store.let(1)
    first.result(30)
    wait_for(lambda: store.sizes() == [1, 1], 30, "the second call")
    (third,) = begin(shared, threads, [3])
    store.let(2)
    assert (second.result(30), third.result(30)) == (4, 6)
    assert store.calls == [("a", [1]), ("a", [2]), ("a", [3])]


def test_other_kinds_do_not_wait(
    store: Store, shared: SharedCalls[str, int, int], threads: ThreadPoolExecutor
) -> None:
    one, two = begin(shared, threads, [1]), begin(shared, threads, [2], "b")
    wait_for(lambda: len(store.calls) == 2, 30, "both calls")
    store.let(2)
    assert (one[0].result(30), two[0].result(30)) == (2, 4)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), MemoryError(), SystemExit()])
def test_an_error_is_that_of_all_queries_of_its_call_and_of_no_others(
    store: Store,
    shared: SharedCalls[str, int, int],
    threads: ThreadPoolExecutor,
    error: BaseException,
) -> None:
    (first,) = begin(shared, threads, [1])
    others = begin(shared, threads, [2, 3])
    store.let(1)
    first.result(30)
    wait_for(lambda: store.sizes() == [1, 2], 30, "the second call")
    (last,) = begin(shared, threads, [4])
    store.errors = [error]
    store.let(2)
    assert [one.exception(30) for one in others] == [error, error]
    assert last.result(30) == 8


def test_an_answer_with_too_few_results_leaves_nobody_waiting(threads: ThreadPoolExecutor) -> None:
    go_on = threading.Event()

    def call(kind: str, queries: Sequence[int]) -> Sequence[int]:
        del kind
        assert go_on.wait(30)
        return queries[:1]

    shared: SharedCalls[str, int, int] = SharedCalls(call)
    begun = begin(shared, threads, range(MOST))
    go_on.set()
    errors = [one.exception(30) for one in begun]
    assert [type(error) for error in errors] == [type(None), *(MOST - 1) * [ValueError]]


def test_nothing_is_kept_of_what_has_ended(
    store: Store, shared: SharedCalls[str, int, int], threads: ThreadPoolExecutor
) -> None:
    begun = begin(shared, threads, range(3)) + begin(shared, threads, range(3), "b")
    store.let(4)
    for one in begun:
        one.result(30)
    wait_for(lambda: not shared._waiting, 30, "the last call to end")


def test_many_threads_have_each_its_own_answer(threads: ThreadPoolExecutor) -> None:
    shared: SharedCalls[str, int, int] = SharedCalls(lambda _, queries: [2 * q for q in queries])
    found = threads.map(lambda query: shared.run("ab"[query % 2], query, MOST), range(5000))
    assert list(found) == [2 * query for query in range(5000)]
    assert not shared._waiting
