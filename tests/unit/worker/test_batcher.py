"""The micro-batcher: how items share a batch, fail alone, and block their producers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait

import pytest

from common.errors import StoreUnavailable
from worker.batcher import Batcher, Closed


class Stage:
    """A process function that records its batches and can be blocked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.entered.set()
        assert self.go_on.wait(10)
        self.batches.append(list(items))
        if -1 in items:
            raise ValueError("bad item")
        if -2 in items:
            raise StoreUnavailable("away")
        return [item * 10 for item in items]

    def hold(self) -> None:
        self.go_on.clear()
        self.entered.clear()


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def batcher(stage: Stage) -> Iterator[Batcher[int, int]]:
    batcher = Batcher("test", stage, batch_max=4, wait_ms=20, queue_max=8)
    yield batcher
    stage.go_on.set()
    batcher.close()


def occupy(stage: Stage, batcher: Batcher[int, int]) -> Future[int]:
    """Occupy the thread with another item, so that later items form a batch."""
    stage.hold()
    first = batcher.submit(0)
    assert stage.entered.wait(10)
    return first


def test_items_of_many_threads_share_a_batch(stage: Stage, batcher: Batcher[int, int]) -> None:
    occupy(stage, batcher)
    futures: dict[int, Future[int]] = {}
    threads = [
        threading.Thread(target=lambda n=n: futures.update({n: batcher.submit(n)}))
        for n in (1, 2, 3, 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    stage.go_on.set()
    assert {n: future.result(10) for n, future in futures.items()} == {1: 10, 2: 20, 3: 30, 4: 40}
    assert [sorted(batch) for batch in stage.batches] == [[0], [1, 2, 3, 4]]


def test_a_batch_never_has_more_than_its_maximum(stage: Stage, batcher: Batcher[int, int]) -> None:
    occupy(stage, batcher)
    futures = batcher.submit_many(list(range(1, 8)))
    stage.go_on.set()
    assert [future.result(10) for future in futures] == [10, 20, 30, 40, 50, 60, 70]
    assert stage.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]


def test_one_item_alone_does_not_wait_for_company(batcher: Batcher[int, int]) -> None:
    assert batcher.submit(3).result(10) == 30


def test_after_a_rest_items_share_a_batch(stage: Stage) -> None:
    batcher = Batcher("test", stage, batch_max=2, wait_ms=0, queue_max=8, rest_s=lambda _: 3600.0)
    assert batcher.submit(1).result(10) == 10
    alone = batcher.submit(2)
    assert not wait([alone], 0.1).done
    # A full batch is due at once, and so is what is left when the batcher closes.
    assert batcher.submit(3).result(10) == 30
    last = batcher.submit(4)
    batcher.close()
    assert (alone.result(0), last.result(0)) == (20, 40)
    assert stage.batches == [[1], [2, 3], [4]]


def test_an_item_at_fault_fails_alone(stage: Stage, batcher: Batcher[int, int]) -> None:
    occupy(stage, batcher)
    futures = batcher.submit_many([1, -1, 3])
    stage.go_on.set()
    assert futures[0].result(10) == 10
    assert futures[2].result(10) == 30
    with pytest.raises(ValueError, match="bad item"):
        futures[1].result(10)


def test_a_part_that_is_away_fails_all_without_trying_each(
    stage: Stage, batcher: Batcher[int, int]
) -> None:
    occupy(stage, batcher)
    futures = batcher.submit_many([1, -2, 3])
    stage.go_on.set()
    for future in futures:
        with pytest.raises(StoreUnavailable):
            future.result(10)
    assert stage.batches == [[0], [1, -2, 3]]


def test_it_goes_on_after_a_failure(batcher: Batcher[int, int]) -> None:
    with pytest.raises(ValueError, match="bad item"):
        batcher.submit(-1).result(10)
    assert batcher.submit(5).result(10) == 50


def test_a_full_queue_holds_producers_back(stage: Stage, batcher: Batcher[int, int]) -> None:
    occupy(stage, batcher)
    batcher.submit_many(list(range(8)))
    late: list[Future[int]] = []
    producer = threading.Thread(target=lambda: late.append(batcher.submit(9)))
    producer.start()
    producer.join(0.1)
    assert producer.is_alive()
    assert not late
    stage.go_on.set()
    producer.join(10)
    assert late[0].result(10) == 90


def test_more_than_the_queue_holds_is_let_in_when_it_is_empty(
    batcher: Batcher[int, int],
) -> None:
    futures = batcher.submit_many(list(range(20)))
    assert [future.result(10) for future in futures] == [n * 10 for n in range(20)]


def test_a_cancelled_item_is_not_worked_on(stage: Stage, batcher: Batcher[int, int]) -> None:
    occupy(stage, batcher)
    futures = batcher.submit_many([1, 2])
    assert futures[0].cancel()
    stage.go_on.set()
    assert futures[1].result(10) == 20
    assert stage.batches == [[0], [2]]


def test_closing_finishes_what_waits_and_refuses_more(stage: Stage) -> None:
    batcher = Batcher("test", stage, batch_max=2, wait_ms=10_000, queue_max=8)
    futures = batcher.submit_many([1, 2, 3])
    batcher.close()
    assert [future.result(0) for future in futures] == [10, 20, 30]
    with pytest.raises(Closed):
        batcher.submit(4)


def test_closing_wakes_a_producer_that_waits_for_room(
    stage: Stage, batcher: Batcher[int, int]
) -> None:
    occupy(stage, batcher)
    batcher.submit_many(list(range(8)))
    refused = threading.Event()

    def produce() -> None:
        try:
            batcher.submit(9)
        except Closed:
            refused.set()

    producer = threading.Thread(target=produce)
    producer.start()
    closer = threading.Thread(target=batcher.close)
    closer.start()
    assert refused.wait(10)
    stage.go_on.set()
    closer.join(10)
    producer.join(10)


def test_a_result_that_is_a_future_settles_its_item_later() -> None:
    later: list[Future[int]] = [Future(), Future()]
    batcher: Batcher[int, int] = Batcher(
        "test", lambda items: later[: len(items)], batch_max=2, wait_ms=1000, queue_max=2
    )
    futures = batcher.submit_many([1, 2])
    batcher.close()
    assert not any(future.done() for future in futures)
    later[0].set_result(7)
    later[1].set_exception(StoreUnavailable("away"))
    assert futures[0].result(0) == 7
    with pytest.raises(StoreUnavailable):
        futures[1].result(0)


def test_a_process_that_returns_too_few_results_is_caught() -> None:
    batcher: Batcher[int, int] = Batcher(
        "test", lambda items: items[:-1], batch_max=1, wait_ms=0, queue_max=1
    )
    with pytest.raises(RuntimeError, match="returned 0 results"):
        batcher.submit(1).result(10)
    batcher.close()


def test_it_knows_when_a_batch_last_succeeded(batcher: Batcher[int, int]) -> None:
    assert batcher.succeeded_at == 0.0
    batcher.submit(1).result(10)
    assert batcher.succeeded_at > 0


def test_several_threads_have_a_batch_each_at_once() -> None:
    together = threading.Barrier(2, timeout=10)

    def process(items: list[int]) -> list[int]:
        # The barrier opens only while another batch is being processed.
        together.wait()
        return items

    batcher: Batcher[int, int] = Batcher(
        "test", process, batch_max=2, wait_ms=0, queue_max=8, threads=2
    )
    futures = batcher.submit_many([1, 2, 3, 4])
    assert [future.result(10) for future in futures] == [1, 2, 3, 4]
    batcher.close()


def test_closing_finishes_what_several_threads_have(stage: Stage) -> None:
    batcher: Batcher[int, int] = Batcher(
        "test", stage, batch_max=2, wait_ms=10_000, queue_max=64, threads=3
    )
    futures = batcher.submit_many(list(range(21)))
    batcher.close()
    assert [future.result(0) for future in futures] == [item * 10 for item in range(21)]
