"""A fake clock that advances only on sleep."""

from __future__ import annotations


class Clock:
    """Provides time to code under test and records its sleeps."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
