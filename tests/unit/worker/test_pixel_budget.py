"""The pixel budget: bytes of pictures in memory never exceed it, and each picture passes."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.polling import wait_for
from worker.decoding.decode import decode, decoded_bytes
from worker.pixel_budget import PixelBudget, Room

SIZE = 100


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2 * SIZE), max_size=40), st.integers(1, 8))
def test_the_bytes_are_bounded_and_every_picture_passes(sizes: list[int], threads: int) -> None:
    budget = PixelBudget(SIZE)
    lock, inside = threading.Lock(), []

    def hold(size: int) -> None:
        with budget.room() as room:
            room.take(size)
            with lock:
                inside.append(size)
                alone = len([each for each in inside if each]) == 1
                assert sum(inside) <= SIZE or alone
                inside.remove(size)
            room.shrink(size // 2)
        room.shrink(0)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(hold, sizes))
    assert budget.used == 0


def test_a_picture_larger_than_the_budget_passes_alone() -> None:
    budget = PixelBudget(SIZE)
    small, large = Room(budget), Room(budget)
    small.take(1)
    passed = threading.Event()
    thread = threading.Thread(target=lambda: (large.take(5 * SIZE), passed.set()))
    thread.start()
    assert not passed.wait(0.1)
    small.shrink(0)
    assert passed.wait(10)
    thread.join()
    assert budget.used == 5 * SIZE


def test_small_pictures_do_not_overtake_a_large_one() -> None:
    budget = PixelBudget(SIZE)
    first = Room(budget)
    first.take(SIZE // 2)
    order: list[int] = []

    def take(size: int) -> None:
        room = Room(budget)
        room.take(size)
        order.append(size)
        room.shrink(0)

    large = threading.Thread(target=take, args=(SIZE,))
    large.start()
    large.join(0.1)
    small = threading.Thread(target=take, args=(1,))
    small.start()
    small.join(0.1)
    assert order == []
    first.shrink(0)
    large.join(10)
    small.join(10)
    assert order == [SIZE, 1]


def test_who_gives_up_lets_those_behind_go_on() -> None:
    budget = PixelBudget(SIZE)
    budget.take(SIZE // 2)
    with ThreadPoolExecutor(2) as threads:
        large = threads.submit(budget.take, SIZE, 0.2)
        wait_for(lambda: len(budget._queue) == 1, 60, "the large one to wait")
        small = threads.submit(budget.take, 10)
        assert not large.result(60)
        assert small.result(60)
    assert budget.used == SIZE // 2 + 10


def test_room_is_given_back_once_however_often_it_is_shrunk() -> None:
    budget = PixelBudget(SIZE)
    room = Room(budget)
    room.take(50)
    room.shrink(20)
    assert budget.used == 20
    room.shrink(30)
    assert budget.used == 20
    room.shrink(0)
    room.shrink(0)
    assert budget.used == 0


def test_an_error_gives_the_room_back() -> None:
    budget = PixelBudget(SIZE)
    with suppress(ValueError), budget.room() as room:
        room.take(50)
        raise ValueError("damaged")
    assert budget.used == 0


def picture(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (640, 320), "red").save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "draft_side", "pixels"),
    [
        (picture("PNG"), None, 640 * 320),
        (picture("JPEG"), None, 640 * 320),
        # Decoded at a fraction of its size.
        (picture("JPEG"), 80, 160 * 80),
        # libjpeg keeps all coefficients of a progressive picture.
        (picture("JPEG", progressive=True), 80, 640 * 320),
    ],
)
def test_decoding_reserves_the_bytes_that_it_takes(
    data: bytes, draft_side: int | None, pixels: int
) -> None:
    reserved: list[int] = []
    decode(data, 10**6, draft_side, reserved.append)
    assert reserved == [decoded_bytes(pixels)]
