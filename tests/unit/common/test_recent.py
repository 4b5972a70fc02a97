"""Values that are read again once they are old."""

from __future__ import annotations

from itertools import count

import pytest

from common.recent import Recent
from tests.support.clock import Clock


def test_a_value_is_read_again_once_it_is_old() -> None:
    clock = Clock()
    recent = Recent(count().__next__, fresh_s=10, now=clock.now)
    assert [recent(), recent()] == [0, 0]
    clock.sleep(9)
    assert recent() == 0
    clock.sleep(1)
    assert [recent(), recent()] == [1, 1]


def test_a_value_can_be_read_again_before() -> None:
    recent = Recent(count().__next__, fresh_s=10, now=Clock().now)
    assert [recent(), recent.again(), recent()] == [0, 1, 1]


def test_a_failure_is_no_value() -> None:
    answers = iter([1 / 2])
    recent = Recent(lambda: next(answers), fresh_s=10, now=(clock := Clock()).now)
    assert recent() == 1 / 2
    clock.sleep(10)
    for _ in range(2):
        with pytest.raises(StopIteration):
            recent()
