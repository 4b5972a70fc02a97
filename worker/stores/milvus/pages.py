"""Rows in the order of their time, from a Milvus that sorts nothing.

A query of Milvus returns rows in no order and has no ``ORDER BY``. So the time
before the last page is cut into windows, from the newest to the oldest, each as
wide as is good for a few hundred rows, and what is in a window is sorted here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

# Rows whose times and ids one query returns, at most; some 100 bytes each.
WINDOW_ROWS_MAX = 4096
# Milliseconds that the first window reaches back: some pictures of an ingest that is going on.
_FIRST_MS = 4000
# Windows that are looked at before all the rest is asked for at once.
_LOOKS_BEFORE_ALL = 2
# How much wider a window is than the one before, at most.
_GROWTH_MAX = 16
# Where a window has too many rows, the next one begins at this one of those that came, from the
# newest: of a million rows it has some two thousand.
_SAMPLED = 8
# How much narrower the next window is where one had too many rows: too narrow a one costs
# less than another one that has too many.
_SHRINKING = 8
# Later than any row: the end of the year 9999, in milliseconds since 1970.
_END_MS = 253_402_300_800_000
_DIGITS = "0123456789abcdef"

# An image's time in milliseconds since 1970, and its id.
Key = tuple[int, str]
# Returns any of the keys that an expression fits, up to a limit.
FindKeys = Callable[[str, int], list[Key]]


def newest(find: FindKeys, count: int, now_ms: int, after: Key | None = None) -> list[Key]:
    """Return keys, the newest first, those of one millisecond in the order of their ids.

    Args:
        find: Asks Milvus.
        count: Keys that are wanted.
        now_ms: About the time of the newest row.
        after: The last key that is not wanted any more.
    """
    walk = _Walk(find, count)
    if after is not None:
        return walk.go_back(*after)
    # Rows of clocks that are ahead; seldom any.
    future = walk.look(f"indexed_at > {now_ms}")
    if future is None:
        return walk.go_back(_END_MS)
    walk.take(future)
    return walk.go_back(now_ms)


class _Walk:
    """One walk from the newest window to the oldest."""

    def __init__(self, find: FindKeys, count: int) -> None:
        self._find = find
        self._count = count
        self._keys: list[Key] = []

    def go_back(self, top: int, last_id: str = "") -> list[Key]:
        """Walk until there are enough keys, or none are left.

        Args:
            top: The latest time that is looked at.
            last_id: Of that time itself only ids behind this one are wanted.
        """
        width = _FIRST_MS
        # After this time there are more rows than a window takes, as far as is known.
        crowded_after: int | None = None
        looks = 0
        while top >= 0 and not self._has_enough:
            if crowded_after is not None and top > crowded_after:
                width = min(width, max(1, (top - crowded_after) // 2))
            # Where the first windows bring little, all the rest may be little too.
            low = -1 if looks == _LOOKS_BEFORE_ALL else max(top - width, -1)
            looks += 1
            found = self._find(_window(low, top, last_id), WINDOW_ROWS_MAX + 1)
            if len(found) <= WINDOW_ROWS_MAX:
                self.take(found)
                width *= self._growth(len(found))
            elif top - low > 1:
                crowded_after = low
                width = min(max(1, (top - low) // _SHRINKING), _reach(found, top))
                continue
            else:
                self._take_crowd(top, last_id)
            top, last_id = low, ""
        return self._keys[: self._count]

    def look(self, expression: str) -> list[Key] | None:
        """Return the keys that an expression fits, None if they are too many for one query."""
        found = self._find(expression, WINDOW_ROWS_MAX + 1)
        return found if len(found) <= WINDOW_ROWS_MAX else None

    def take(self, keys: list[Key]) -> None:
        """Add keys that come behind all that are there, in their order."""
        self._keys += sorted(keys, key=lambda key: (-key[0], key[1]))

    @property
    def _has_enough(self) -> bool:
        return len(self._keys) >= self._count

    def _growth(self, found: int) -> int:
        """Return how much wider the next window is to be."""
        wanted = self._count - len(self._keys)
        return min(_GROWTH_MAX, max(2, 2 * wanted // found)) if found else _GROWTH_MAX

    def _take_crowd(self, moment: int, last_id: str, beginning: str = "") -> None:
        """Add the keys of one crowded millisecond, by the beginnings of their ids."""
        for digit in _DIGITS:
            prefix = beginning + digit
            if self._has_enough:
                return
            if prefix < last_id[: len(prefix)]:
                continue
            found = self.look(_slice(moment, prefix, last_id))
            if found is None:
                self._take_crowd(moment, last_id, prefix)
            else:
                self.take(found)


def _reach(sample: list[Key], top: int) -> int:
    """Return how far back to look where there are too many rows, by the newest of some of them.

    Where Milvus picks them by their keys, which are hashes, they are as good as any others.
    """
    newest_of_them = heapq.nlargest(_SAMPLED, (at for at, _ in sample))
    return max(1, top - newest_of_them[-1] + 1)


def _window(low: int, top: int, last_id: str) -> str:
    """Return the filter of what is later than ``low``, and not later than ``top``."""
    if not last_id:
        return f"indexed_at > {low} and indexed_at <= {top}"
    behind = f'(indexed_at == {top} and image_id > "{last_id}")'
    return f"indexed_at > {low} and (indexed_at < {top} or {behind})"


def _slice(moment: int, prefix: str, last_id: str) -> str:
    """Return the filter of one millisecond's ids that begin like this."""
    # Whatever begins with the prefix comes before its last digit's successor.
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    start = max(prefix, last_id)
    comparison = ">" if start == last_id else ">="
    return f'indexed_at == {moment} and image_id {comparison} "{start}" and image_id < "{end}"'
