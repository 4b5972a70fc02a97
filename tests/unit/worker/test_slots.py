"""The pool of threads: however a task ends, its message is settled or put back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from worker.delivery.slots import SlotPool


class Asked:
    """The parts of a Celery request that the pool uses."""

    id = "1"

    def __init__(self) -> None:
        self.acknowledged = False
        self.rejected: list[bool] = []

    def on_accepted(self, *_: object) -> None:
        pass

    def on_success(self, result: object) -> None:
        if isinstance(result, Exception):
            raise result
        self.acknowledged = True

    def reject(self, requeue: bool) -> None:
        self.rejected.append(requeue)


@pytest.fixture
def pool() -> Iterator[SlotPool]:
    pool = SlotPool(limit=1)
    pool.start()
    yield pool
    pool.stop()


def run(pool: SlotPool, target: Callable[[], Any], asked: Asked) -> None:
    pool.apply_async(target, callback=asked.on_success, accept_callback=asked.on_accepted)
    # Wait for the task: the only thread runs this one after it.
    pool.executor.submit(lambda: None).result()


def fail(error: Exception) -> Callable[[], None]:
    def target() -> None:
        raise error

    return target


def test_a_message_that_is_settled_is_left_alone(pool: SlotPool) -> None:
    asked = Asked()
    run(pool, lambda: "done", asked)
    assert asked.acknowledged
    assert asked.rejected == []


@pytest.mark.parametrize("error", [ConnectionError(), MemoryError()])
def test_what_escapes_a_task_puts_its_message_back(pool: SlotPool, error: Exception) -> None:
    asked = Asked()
    run(pool, fail(error), asked)
    assert asked.rejected == [True]


def test_a_callback_that_fails_puts_the_message_back(pool: SlotPool) -> None:
    asked = Asked()
    run(pool, lambda: MemoryError(), asked)
    assert asked.rejected == [True]


def test_what_never_ran_is_put_back(pool: SlotPool) -> None:
    asked, go_on = Asked(), threading.Event()
    pool.executor.submit(go_on.wait)
    pool.apply_async(lambda: None, callback=asked.on_success)
    pool.executor.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    assert asked.rejected == [True]
