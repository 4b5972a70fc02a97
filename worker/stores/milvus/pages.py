"""Lists rows by time, newest first, although Milvus cannot sort.

A Milvus query returns rows in no particular order and has no ``ORDER BY``. So the
time before the previous page is split into windows, from newest to oldest, each
sized for a few hundred rows, and the rows of each window are sorted here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

# Maximum rows whose times and ids one query returns; about 100 bytes each.
WINDOW_ROWS_MAX = 4096
# Width of the first window in milliseconds: a few images of an ingest in progress.
_FIRST_MS = 4000
# Windows to query before one query for all the rest.
_WINDOWS_BEFORE_ALL = 2
# Maximum growth of a window over the previous one.
_GROWTH_MAX = 16
# If a window has too many rows, the next one reaches back to this many-th newest of the rows
# returned; with a million rows in the window, it has about two thousand.
_SAMPLED = 8
# If a window has too many rows, the next one is this many times narrower: a window that is too
# narrow costs less than another one that is too wide.
_SHRINKING = 8
# Later than any row: the end of the year 9999, as a Unix time in milliseconds.
_END_MS = 253_402_300_800_000
_DIGITS = "0123456789abcdef"

# An image's time, as a Unix time in milliseconds, and its id.
Key = tuple[int, str]
# Returns keys that match an expression, in any order, up to a limit.
FindKeys = Callable[[str, int], list[Key]]


def newest(find: FindKeys, count: int, now_ms: int, after: Key | None = None) -> list[Key]:
    """Return keys, newest first; those of the same millisecond are ordered by id.

    Args:
        find: Queries Milvus.
        count: Number of keys to return.
        now_ms: Approximate time of the newest row.
        after: Return only keys after this one.
    """
    walk = _Walk(find, count)
    if after is not None:
        return walk.go_back(*after)
    # Rows written by machines whose clocks are ahead; rarely any.
    future = walk.query(f"indexed_at > {now_ms}")
    if future is None:
        return walk.go_back(_END_MS)
    walk.take(future)
    return walk.go_back(now_ms)


class _Walk:
    """One pass over the windows, from newest to oldest."""

    def __init__(self, find: FindKeys, count: int) -> None:
        self._find = find
        self._count = count
        self._keys: list[Key] = []

    def go_back(self, top: int, last_id: str = "") -> list[Key]:
        """Query windows until there are enough keys, or none are left.

        Args:
            top: The latest time to include.
            last_id: At that time, include only ids after this one.
        """
        width = _FIRST_MS
        # From this time up to ``top``, there were too many rows for one window.
        crowded_after: int | None = None
        windows = 0
        while top >= 0 and not self._has_enough:
            if crowded_after is not None and top > crowded_after:
                width = min(width, max(1, (top - crowded_after) // 2))
            # If the first windows have few rows, the rest may be few enough for one query.
            low = -1 if windows == _WINDOWS_BEFORE_ALL else max(top - width, -1)
            windows += 1
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

    def query(self, expression: str) -> list[Key] | None:
        """Return the keys that match an expression; None if they are too many for one query."""
        found = self._find(expression, WINDOW_ROWS_MAX + 1)
        return found if len(found) <= WINDOW_ROWS_MAX else None

    def take(self, keys: list[Key]) -> None:
        """Sort and append keys that are older than all previous ones."""
        self._keys += sorted(keys, key=lambda key: (-key[0], key[1]))

    @property
    def _has_enough(self) -> bool:
        return len(self._keys) >= self._count

    def _growth(self, found: int) -> int:
        """Return the factor by which the next window is wider."""
        wanted = self._count - len(self._keys)
        return min(_GROWTH_MAX, max(2, 2 * wanted // found)) if found else _GROWTH_MAX

    def _take_crowd(self, moment: int, last_id: str, beginning: str = "") -> None:
        """Add the keys of a millisecond with too many rows, by the prefixes of their ids."""
        for digit in _DIGITS:
            prefix = beginning + digit
            if self._has_enough:
                return
            if prefix < last_id[: len(prefix)]:
                continue
            found = self.query(_slice(moment, prefix, last_id))
            if found is None:
                self._take_crowd(moment, last_id, prefix)
            else:
                self.take(found)


def _reach(sample: list[Key], top: int) -> int:
    """Return the width for the next window, from a sample of too many rows.

    The sample is random if Milvus chooses rows by their keys, which contain hashes.
    """
    newest_of_them = heapq.nlargest(_SAMPLED, (at for at, _ in sample))
    return max(1, top - newest_of_them[-1] + 1)


def _window(low: int, top: int, last_id: str) -> str:
    """Return the filter for rows later than ``low``, up to and including ``top``."""
    if not last_id:
        return f"indexed_at > {low} and indexed_at <= {top}"
    after = f'(indexed_at == {top} and image_id > "{last_id}")'
    return f"indexed_at > {low} and (indexed_at < {top} or {after})"


def _slice(moment: int, prefix: str, last_id: str) -> str:
    """Return the filter for one millisecond's ids with a prefix."""
    # Ids with the prefix sort before the prefix with its last digit incremented.
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    start = max(prefix, last_id)
    comparison = ">" if start == last_id else ">="
    return f'indexed_at == {moment} and image_id {comparison} "{start}" and image_id < "{end}"'
