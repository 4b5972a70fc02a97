"""A blob that is read by ranges behaves like a file."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.blobs.ranges import RangeReader

DATA = bytes(range(256)) * 4


def reader(fetched: list[int], start: int = 10, block: int = 100) -> io.BufferedReader:
    def fetch(first: int, count: int) -> bytes:
        fetched.append(first)
        return DATA[first : first + count]

    return io.BufferedReader(RangeReader(fetch, DATA[:start], len(DATA), block), 16)


@given(
    st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 300))),
    st.integers(0, 1024),
    st.integers(1, 1100),
)
def test_every_position_has_the_bytes_of_a_file(
    steps: list[tuple[int, int]], start: int, block: int
) -> None:
    ranges, file = reader([], start, block), io.BytesIO(DATA)
    for position, count in steps:
        assert ranges.seek(position) == file.seek(position)
        assert ranges.read(count) == file.read(count)
        assert ranges.tell() == file.tell()
    assert ranges.seek(-5, io.SEEK_END) == len(DATA) - 5
    assert ranges.read() == DATA[-5:]


def test_two_places_that_are_read_in_turns_are_fetched_once() -> None:
    fetched: list[int] = []
    ranges = reader(fetched)
    for offset in range(0, 90, 10):
        for place in (300, 900):
            ranges.seek(place + offset)
            assert ranges.read(10) == DATA[place + offset :][:10]
    assert fetched == [300, 900]
    ranges.seek(0)
    assert ranges.read(10) == DATA[:10]
    assert fetched == [300, 900]


def test_a_position_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        reader([]).raw.seek(-1)
