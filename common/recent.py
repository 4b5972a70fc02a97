"""Values that many requests need, and that need not be read for each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Calls a function, or returns its last result if that is recent enough.

    Args:
        read: The function. Several threads may call it at once.
        fresh_s: Seconds for which a result is returned again.
        now: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        read: Callable[[], Value],
        fresh_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._fresh_s = fresh_s
        self._now = now
        # The last result, and until when it is returned; none at first.
        self._last: tuple[Value, float] | None = None

    def __call__(self) -> Value:
        """Return a recent result; raises what the function raises."""
        last = self._last
        if last is not None and self._now() < last[1]:
            return last[0]
        return self.again()

    def again(self) -> Value:
        """Call the function, however recent its last result is."""
        # Counted from before the call, because the result is from some time during it.
        until = self._now() + self._fresh_s
        found = self._read()
        self._last = found, until
        return found
