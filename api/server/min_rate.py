"""The minimum rate: limits how long a client may keep a thread waiting."""

from __future__ import annotations


class MinRate:
    """An allowance of seconds, spent by waiting and restored by bytes that arrive.

    The allowance never exceeds its initial value, so a quick start saves nothing up. Only
    waits for the client count: time that the service takes for its own work, or pauses on
    purpose, costs the client nothing. Once the allowance is spent, it stays spent.

    Args:
        silence_s: Seconds at the start: the longest silence.
        bytes_per_s_min: Bytes that restore one second: the slowest rate that never times out.
    """

    def __init__(self, silence_s: float, bytes_per_s_min: float) -> None:
        self._silence_s = silence_s
        self._bytes_per_s_min = bytes_per_s_min
        self._left_s = silence_s

    @property
    def left_s(self) -> float:
        """Seconds of waiting that are left."""
        return max(self._left_s, 0.0)

    @property
    def is_spent(self) -> bool:
        """Whether the client has kept the service waiting for too long."""
        return self._left_s <= 0

    def spend(self, seconds: float) -> None:
        """Count a wait."""
        self._left_s -= seconds

    def restore(self, count: int) -> None:
        """Count transferred bytes."""
        if not self.is_spent:
            self._left_s = min(self._silence_s, self._left_s + count / self._bytes_per_s_min)
