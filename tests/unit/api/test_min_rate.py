"""The minimum rate of a client: waiting uses up its time, and bytes restore it."""

from __future__ import annotations

import pytest

from api.server.min_rate import MinRate


@pytest.fixture
def rate() -> MinRate:
    return MinRate(silence_s=30, bytes_per_s_min=1000)


def test_silence_uses_it_up(rate: MinRate) -> None:
    rate.spend(29)
    assert (rate.left_s, rate.is_spent) == (1, False)
    rate.spend(1)
    assert (rate.left_s, rate.is_spent) == (0, True)


def test_bytes_bring_it_back_but_never_more_than_there_was(rate: MinRate) -> None:
    rate.spend(20)
    rate.restore(5000)
    assert rate.left_s == 15
    rate.restore(10**9)
    assert rate.left_s == 30


def test_who_keeps_the_pace_may_go_on_for_ever(rate: MinRate) -> None:
    for _ in range(10_000):
        rate.spend(20)
        rate.restore(20_000)
    assert rate.left_s == 30


def test_who_trickles_is_given_up_however_much_came_before(rate: MinRate) -> None:
    rate.restore(10**9)
    seconds = 0
    while not rate.is_spent:
        rate.spend(1)
        rate.restore(1)
        seconds += 1
        assert seconds <= 31
    assert seconds > 29


def test_what_is_lost_stays_lost(rate: MinRate) -> None:
    rate.spend(31)
    rate.restore(10**9)
    assert rate.is_spent
