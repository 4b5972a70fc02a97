"""The thread pool that lets few of its threads run at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest

from api.server.thread_pool import ThreadPool
from common.blocking import blocking
from tests.support.polling import wait_for

# A bound so long that no call begins because of it in a test, and one so short that none waits.
NEVER, AT_ONCE = 3600.0, 0.0
# Seconds after which a test's call counts as hanging, and in which one that must wait would begin.
HANGS_AFTER_S, MOMENT_S = 30.0, 0.1


class Held:
    """A call that runs until it is released, and notes that it did.

    Args:
        log: Receives the name.
        name: The call's.
        is_blocking: Whether it says that it waits.
    """

    def __init__(self, log: list[str], name: str, *, is_blocking: bool = False) -> None:
        self._log = log
        self._name = name
        self._is_blocking = is_blocking
        self.begun, self.released = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        if self._is_blocking:
            with blocking():
                assert self.released.wait(HANGS_AFTER_S)
        else:
            assert self.released.wait(HANGS_AFTER_S)
        self._log.append(self._name)
        return self._name


@pytest.fixture
def log() -> list[str]:
    return []


@contextmanager
def pool_of(running_max: int, wait_s: float, threads_max: int = 8) -> Iterator[ThreadPool]:
    pool = ThreadPool(threads_max, running_max, wait_s)
    yield pool
    pool.shutdown()


def begun(pool: ThreadPool, call: Held) -> Future[str]:
    """Submit a call and wait until it runs."""
    future = pool.submit(call)
    assert call.begun.wait(HANGS_AFTER_S)
    return future


def result(future: Future[str]) -> str:
    return future.result(HANGS_AFTER_S)


def fail() -> str:
    raise ValueError("broken")


def fail_blocked() -> str:
    with blocking():
        return fail()


def test_calls_run_in_order_by_one_thread_at_a_time(log: list[str]) -> None:
    with pool_of(1, NEVER) as pool:
        first, names = Held(log, "first"), "abcdef"
        futures = [begun(pool, first), *(pool.submit(log.append, name) for name in names)]
        assert log == []
        first.released.set()
        for future in futures:
            future.result(HANGS_AFTER_S)
    assert log == ["first", *names]


@pytest.mark.parametrize("failing", [fail, fail_blocked])
def test_a_call_that_fails_makes_room(log: list[str], failing: Callable[[], str]) -> None:
    with pool_of(1, NEVER) as pool:
        with pytest.raises(ValueError, match="broken"):
            result(pool.submit(failing))
        first, second = Held(log, "first"), Held(log, "second")
        futures = [begun(pool, first), pool.submit(second)]
        # Still only one at once.
        assert not second.begun.wait(MOMENT_S)
        first.released.set()
        second.released.set()
        assert [result(future) for future in futures] == log == ["first", "second"]


def test_a_thread_that_blocks_lets_another_run(log: list[str]) -> None:
    with pool_of(1, NEVER) as pool:
        blocked = [Held(log, f"blocked {n}", is_blocking=True) for n in range(3)]
        futures = [begun(pool, call) for call in blocked]
        assert pool.submit(lambda: "meanwhile").result(HANGS_AFTER_S) == "meanwhile"
        for call in blocked:
            call.released.set()
        assert sorted(result(future) for future in futures) == sorted(log)


def test_a_call_that_waits_begins_once_a_thread_blocks(log: list[str]) -> None:
    reached, submitted = threading.Event(), threading.Event()
    blocked = Held(log, "blocked", is_blocking=True)

    def late() -> str:
        reached.set()
        assert submitted.wait(HANGS_AFTER_S)
        return blocked()

    with pool_of(1, NEVER) as pool:
        future = pool.submit(late)
        assert reached.wait(HANGS_AFTER_S)
        others = [pool.submit(log.append, name) for name in "ab"]
        # One of the others' threads waits for room by now.
        wait_for(lambda: pool._watching, HANGS_AFTER_S, "a thread that waits")
        submitted.set()
        for other in others:
            other.result(HANGS_AFTER_S)
        blocked.released.set()
        assert result(future) == "blocked"
    assert log == ["a", "b", "blocked"]


def test_threads_that_end_together_make_room_for_all(log: list[str]) -> None:
    new = Held(log, "new")
    unblocked = threading.Event()

    def block() -> None:
        with blocking():
            assert unblocked.wait(HANGS_AFTER_S)
        # Only while this call runs beside it.
        assert new.begun.wait(HANGS_AFTER_S)

    with pool_of(2, NEVER) as pool:
        blocked = pool.submit(block)
        running = [Held(log, name) for name in "ab"]
        futures = [begun(pool, call) for call in running]
        added = pool.submit(new)
        unblocked.set()
        wait_for(lambda: pool._returning == 1, HANGS_AFTER_S, "the thread that has blocked")
        with pool._lock:
            for call in running:
                call.released.set()
            wait_for(lambda: len(log) == len(running), HANGS_AFTER_S, "the end of both")
        assert blocked.result(HANGS_AFTER_S) is None
        new.released.set()
        assert [result(future) for future in (*futures, added)] == ["a", "b", "new"]


def test_calls_submitted_together_run_together() -> None:
    with pool_of(2, NEVER) as pool:
        for _ in range(200):
            both = threading.Barrier(2)
            pair = [pool.submit(both.wait, HANGS_AFTER_S) for _ in range(2)]
            assert sorted(each.result(HANGS_AFTER_S) for each in pair) == [0, 1]


def test_a_thread_that_has_blocked_goes_before_new_calls(log: list[str]) -> None:
    with pool_of(1, NEVER) as pool:
        blocked, running = Held(log, "blocked", is_blocking=True), Held(log, "running")
        futures = [begun(pool, blocked), begun(pool, running)]
        new = pool.submit(log.append, "new")
        blocked.released.set()
        wait_for(lambda: pool._returning == 1, HANGS_AFTER_S, "the thread that has blocked")
        running.released.set()
        new.result(HANGS_AFTER_S)
        assert [result(future) for future in futures] == ["blocked", "running"]
    assert log == ["running", "blocked", "new"]


def test_nobody_waits_for_long(log: list[str]) -> None:
    with pool_of(1, AT_ONCE) as pool:
        blocked = Held(log, "blocked", is_blocking=True)
        silent = [Held(log, f"silent {n}") for n in range(3)]
        future, *others = [begun(pool, call) for call in (blocked, *silent)]
        blocked.released.set()
        assert result(future) == "blocked"
        for call in silent:
            call.released.set()
        assert [result(other) for other in others] == ["silent 0", "silent 1", "silent 2"]


def test_calls_wait_for_a_thread(log: list[str]) -> None:
    with pool_of(8, AT_ONCE, threads_max=1) as pool:
        first = Held(log, "first", is_blocking=True)
        future = begun(pool, first)
        others = [pool.submit(threading.current_thread) for _ in range(3)]
        assert not any(other.done() for other in others)
        first.released.set()
        assert result(future) == "first"
        assert len({other.result(HANGS_AFTER_S) for other in others}) == 1


def test_threads_end_with_the_pool() -> None:
    with pool_of(2, NEVER) as pool:
        thread = pool.submit(threading.current_thread).result(HANGS_AFTER_S)
        assert thread.is_alive()
    thread.join(HANGS_AFTER_S)
    assert not thread.is_alive()


def test_no_wake_up_is_lost() -> None:
    running = peak = 0
    lock = threading.Lock()

    def count(by: int) -> None:
        nonlocal running, peak
        with lock:
            running += by
            peak = max(peak, running)

    def call(number: int) -> int:
        count(1)
        for _ in range(number % 4):
            count(-1)
            with blocking():
                pass
            count(1)
        count(-1)
        return number

    with pool_of(2, NEVER) as pool:
        futures = [pool.submit(call, number) for number in range(2000)]
        assert [future.result(HANGS_AFTER_S) for future in futures] == list(range(2000))
        # Every thread is idle again.
        wait_for(lambda: (pool._running, pool._returning) == (0, 0), HANGS_AFTER_S, "the end")
    assert peak <= 2
