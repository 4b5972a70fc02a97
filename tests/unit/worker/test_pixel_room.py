"""The memory budget for decoded pixels: never exceeded, and granted first come, first served."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.errors import Overloaded
from tests.support.polling import wait_for
from worker.thumbnails.pixel_room import PixelRoom

# Seconds; long enough that no wait in these tests times out.
LONG_S = 60.0


def test_the_largest_picture_fits_alone() -> None:
    room = PixelRoom(100, wait_s=0)
    for _ in range(3):
        with room.hold(100):
            pass


def test_who_finds_no_room_is_told_when_to_come_again() -> None:
    room = PixelRoom(100, wait_s=0.01)
    with room.hold(60):
        with room.hold(40):
            pass
        with pytest.raises(Overloaded, match="try again in 2 s") as refused, room.hold(41):
            pass
    assert refused.value.retry_after_s == 2
    with room.hold(100):
        pass


def test_a_picture_that_fails_leaves_its_room() -> None:
    room = PixelRoom(100, wait_s=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), room.hold(100):
            raise ValueError("broken")


def test_there_are_never_more_than_fit() -> None:
    room = PixelRoom(100, wait_s=LONG_S)
    lock = threading.Lock()
    inside, most = 0, 0

    def decode(pixels: int) -> None:
        nonlocal inside, most
        with room.hold(pixels):
            with lock:
                inside += pixels
                most = max(most, inside)
            with lock:
                inside -= pixels

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(decode, [1 + number * 37 % 100 for number in range(500)]))
    assert 0 < most <= 100
    assert inside == 0


def test_a_large_picture_is_not_overtaken_by_small_ones() -> None:
    room = PixelRoom(100, wait_s=LONG_S)
    order: list[str] = []

    def decode(name: str, pixels: int) -> None:
        with room.hold(pixels):
            order.append(name)

    def waiting() -> int:
        return len(room._queue)

    with ThreadPoolExecutor(2) as threads:
        with room.hold(50):
            large = threads.submit(decode, "large", 100)
            wait_for(lambda: waiting() == 1, LONG_S, "the large one to wait")
            small = threads.submit(decode, "small", 10)
            wait_for(lambda: waiting() == 2, LONG_S, "the small one to wait")
            assert order == []
        large.result(LONG_S)
        small.result(LONG_S)
    assert order[0] == "large"


def test_who_gives_up_lets_those_behind_go_on() -> None:
    room = PixelRoom(100, wait_s=0.2)
    with room.hold(50), ThreadPoolExecutor(2) as threads:

        def decode(pixels: int) -> None:
            with room.hold(pixels):
                pass

        large = threads.submit(decode, 100)
        wait_for(lambda: len(room._queue) == 1, LONG_S, "the large one to wait")
        # The small one must not time out too, however late its thread sees the large one end.
        room._wait_s = LONG_S
        small = threads.submit(decode, 10)
        with pytest.raises(Overloaded):
            large.result(LONG_S)
        small.result(LONG_S)
