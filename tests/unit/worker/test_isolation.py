"""Isolation: tasks run concurrently, or one of them alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from worker.ingest.isolation import Isolation


def test_many_work_together() -> None:
    isolation, meeting = Isolation(), threading.Barrier(3)

    def work() -> None:
        with isolation.together():
            meeting.wait(10)

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(work) for _ in range(3)]:
            done.result(10)


def test_who_is_alone_has_nobody_beside() -> None:
    isolation, inside, most = Isolation(), [0], [0]
    lock = threading.Lock()

    def enter(alone: bool) -> None:
        with isolation.alone() if alone else isolation.together():
            with lock:
                inside[0] += 1
                if alone:
                    most[0] = max(most[0], inside[0])
            threading.Event().wait(0.001)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(enter, n % 3 == 0) for n in range(60)]:
            done.result(10)
    assert most[0] == 1


def test_who_wants_to_be_alone_goes_first() -> None:
    isolation, order = Isolation(), []
    first_in, release = threading.Event(), threading.Event()

    def hold() -> None:
        with isolation.together():
            first_in.set()
            assert release.wait(10)

    def alone() -> None:
        with isolation.alone():
            order.append("alone")

    def together() -> None:
        with isolation.together():
            order.append("together")

    with ThreadPoolExecutor(3) as threads:
        holder = threads.submit(hold)
        assert first_in.wait(10)
        waiting = threads.submit(alone)
        while not isolation._waiting:
            threading.Event().wait(0.001)
        late = threads.submit(together)
        threading.Event().wait(0.02)
        assert order == []
        release.set()
        for done in (holder, waiting, late):
            done.result(10)
    assert order == ["alone", "together"]
