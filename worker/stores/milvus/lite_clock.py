"""Milvus Lite's clock, which orders its writes and reads by the millisecond."""

from __future__ import annotations

import time

# Lite 2.5.1 orders no two calls of one millisecond: a row may be missed by a read right after it
# was written, and if it is written twice, both rows may stay, or neither. The time of a row is also
# ahead of the clock, by a millisecond for each 2 ** 18 rows that Lite has written since it started:
# this is enough for a million.
_PAST_S = 0.005


def wait_until_past() -> None:
    """Return when every later call comes after a write that has returned."""
    time.sleep(_PAST_S)
