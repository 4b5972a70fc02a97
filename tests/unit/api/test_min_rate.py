"""Patience with a client: spent by waits, regained by bytes."""

from __future__ import annotations

import pytest

from api.server.min_rate import Patience


@pytest.fixture
def patience() -> Patience:
    return Patience(most_s=30, bytes_per_s_min=1000)


def test_silence_uses_it_up(patience: Patience) -> None:
    patience.spend(29)
    assert (patience.left_s, patience.is_lost) == (1, False)
    patience.spend(1)
    assert (patience.left_s, patience.is_lost) == (0, True)


def test_bytes_bring_it_back_but_never_more_than_there_was(patience: Patience) -> None:
    patience.spend(20)
    patience.regain(5000)
    assert patience.left_s == 15
    patience.regain(10**9)
    assert patience.left_s == 30


def test_who_keeps_the_pace_may_go_on_for_ever(patience: Patience) -> None:
    for _ in range(10_000):
        patience.spend(20)
        patience.regain(20_000)
    assert patience.left_s == 30


def test_who_trickles_is_given_up_however_much_came_before(patience: Patience) -> None:
    patience.regain(10**9)
    seconds = 0
    while not patience.is_lost:
        patience.spend(1)
        patience.regain(1)
        seconds += 1
        assert seconds <= 31
    assert seconds > 29


def test_what_is_lost_stays_lost(patience: Patience) -> None:
    patience.spend(31)
    patience.regain(10**9)
    assert patience.is_lost
