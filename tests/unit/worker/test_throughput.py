"""Throughput: images per second while there is work, ignoring pauses."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from worker.ingest.throughput import Throughput


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def work(throughput: Throughput, clock: Clock, seconds: float, images: int) -> None:
    with throughput.working():
        clock.now += seconds
        throughput.note(images)


def fail(throughput: Throughput, clock: Clock, seconds: float) -> None:
    with throughput.working():
        clock.now += seconds
        raise OSError("away")


def side_by_side(
    throughput: Throughput, clock: Clock, chunks: int, seconds: float, images: int
) -> None:
    """Begin chunks together and end them at the same moment."""
    with ExitStack() as stack:
        for _ in range(chunks):
            stack.enter_context(throughput.working())
        clock.now += seconds
        throughput.note(chunks * images)


def test_nothing_is_known_at_first(clock: Clock) -> None:
    assert Throughput(clock=clock).rate_per_s is None


def test_a_guess_stands_until_there_is_work(clock: Clock) -> None:
    throughput = Throughput(15.0, clock=clock)
    clock.now += 3600
    assert throughput.rate_per_s == pytest.approx(15)


def test_the_first_chunk_counts_in_full(clock: Clock) -> None:
    throughput = Throughput(clock=clock)
    work(throughput, clock, 0.5, 32)
    assert throughput.rate_per_s == pytest.approx(64)


def test_a_steady_rate_is_measured_exactly(clock: Clock) -> None:
    throughput = Throughput(clock=clock)
    for seconds in (1, 4, 2, 30, 0.1):
        work(throughput, clock, seconds, int(seconds * 10))
    assert throughput.rate_per_s == pytest.approx(10)


def test_idle_time_changes_nothing(clock: Clock) -> None:
    throughput = Throughput(clock=clock)
    for _ in range(10):
        work(throughput, clock, 1, 20)
        clock.now += 600
    assert throughput.rate_per_s == pytest.approx(20)


def test_a_guess_counts_half_after_a_half_life_of_work(clock: Clock) -> None:
    throughput = Throughput(100.0, clock=clock)
    for _ in range(25):
        work(throughput, clock, 1, 20)
    assert throughput.rate_per_s == pytest.approx(60)


def test_what_was_long_ago_is_forgotten(clock: Clock) -> None:
    throughput = Throughput(clock=clock)
    for _ in range(300):
        work(throughput, clock, 1, 50)
    for _ in range(300):
        work(throughput, clock, 1, 5)
    assert throughput.rate_per_s == pytest.approx(5, rel=0.05)


def test_the_time_of_chunks_side_by_side_counts_once(clock: Clock) -> None:
    throughput = Throughput(tasks=lambda: 4, clock=clock)
    for _ in range(50):
        side_by_side(throughput, clock, 4, 2, 32)
    assert throughput.rate_per_s == pytest.approx(64)


def test_chunks_that_overlap_count_as_what_they_did_together(clock: Clock) -> None:
    throughput = Throughput(tasks=lambda: 2, clock=clock)
    with throughput.working():
        clock.now += 9
        with throughput.working():
            clock.now += 1
            throughput.note(40)
        for _ in range(20):
            with throughput.working():
                clock.now += 2
                throughput.note(8)
        throughput.note(20)
    # 220 images in 50 seconds, although the long chunk counted its last 20 only at its end.
    assert throughput.rate_per_s == pytest.approx(4.4, rel=0.3)


def test_a_chunk_that_ends_in_an_error_counts_for_nothing(clock: Clock) -> None:
    throughput = Throughput(clock=clock)
    work(throughput, clock, 1, 10)
    for _ in range(5):
        with pytest.raises(OSError, match="away"):
            fail(throughput, clock, 100)
    work(throughput, clock, 1, 10)
    assert throughput.rate_per_s == pytest.approx(10)


def test_a_chunk_of_which_nothing_was_noted_counts_for_nothing(clock: Clock) -> None:
    throughput = Throughput(clock=clock)
    work(throughput, clock, 1, 10)
    work(throughput, clock, 100, 0)
    assert throughput.rate_per_s == pytest.approx(10)


def test_a_worker_with_too_little_to_do_does_not_count_as_slow(clock: Clock) -> None:
    throughput = Throughput(tasks=lambda: 4, clock=clock)
    side_by_side(throughput, clock, 4, 1, 25)
    for _ in range(1000):
        work(throughput, clock, 1, 1)
    assert throughput.rate_per_s == pytest.approx(100)


def test_little_work_is_better_than_no_measurement(clock: Clock) -> None:
    throughput = Throughput(tasks=lambda: 4, clock=clock)
    for _ in range(1000):
        work(throughput, clock, 1, 3)
    assert throughput.rate_per_s == pytest.approx(3)
    side_by_side(throughput, clock, 4, 1, 25)
    assert throughput.rate_per_s == pytest.approx(100)
