"""The processor time that pictures take to decode."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.polling import wait_for
from worker.decoding_time import DecodingTime

LIMIT_S = 0.05


@contextmanager
def decoded(measure: DecodingTime, name: str, *, busy: bool) -> Iterator[None]:
    """Decode a picture in another thread during the block, busily or asleep."""
    begun, ended = threading.Event(), threading.Event()

    def decode() -> None:
        with measure.measured(name):
            begun.set()
            while busy and not ended.is_set():
                pass
            ended.wait()

    thread = threading.Thread(target=decode)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_picture_that_takes_too_long_is_named_until_it_ends() -> None:
    measure = DecodingTime(LIMIT_S)
    with decoded(measure, "asleep", busy=False), decoded(measure, "busy", busy=True):
        wait_for(lambda: measure.exceeded() == "busy", 30, "the limit")
    assert measure.exceeded() is None


def test_waiting_takes_no_processor_time() -> None:
    measure = DecodingTime(LIMIT_S)
    with decoded(measure, "asleep", busy=False):
        time.sleep(4 * LIMIT_S)
        assert measure.exceeded() is None


def test_pictures_of_one_thread_are_measured_each() -> None:
    measure = DecodingTime(LIMIT_S)
    for _ in range(4):
        with measure.measured("short"):
            end_s = time.thread_time() + LIMIT_S / 2
            while time.thread_time() < end_s:
                pass
            assert measure.exceeded() is None


def test_there_is_no_limit_by_default() -> None:
    measure = DecodingTime()
    with measure.measured("one"):
        assert measure.exceeded() is None


def test_threads_without_clocks_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "pthread_getcpuclockid")
    measure = DecodingTime(0)
    with measure.measured("one"):
        assert measure.exceeded() is None
