"""Patience: how long a client may still keep a thread waiting."""

from __future__ import annotations


class Patience:
    """Seconds that are spent by waiting, and regained by bytes that pass meanwhile.

    There are never more seconds than at the start, so nobody saves them up with a quick
    start. Only the waits for a client count: what the service takes for its own work,
    or says slowly on purpose, costs the client nothing. Once lost, patience stays lost.

    Args:
        most_s: Seconds at the start: the longest silence.
        bytes_per_s_min: Bytes that regain a second: the slowest pace that goes on for ever.
    """

    def __init__(self, most_s: float, bytes_per_s_min: float) -> None:
        self._most_s = most_s
        self._bytes_per_s_min = bytes_per_s_min
        self._left_s = most_s

    @property
    def left_s(self) -> float:
        """Seconds that the client may still be waited for."""
        return max(self._left_s, 0.0)

    @property
    def is_lost(self) -> bool:
        """Whether the client has kept us waiting for too long."""
        return self._left_s <= 0

    def spend(self, seconds: float) -> None:
        """Count a wait."""
        self._left_s -= seconds

    def regain(self, count: int) -> None:
        """Count bytes that have passed."""
        if not self.is_lost:
            self._left_s = min(self._most_s, self._left_s + count / self._bytes_per_s_min)
