"""A clock that goes only when somebody sleeps by it."""

from __future__ import annotations


class Clock:
    """Time for code under test; what was slept can be read afterwards."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
