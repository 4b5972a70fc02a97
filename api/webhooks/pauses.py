"""When a message that was not accepted is sent again."""

from __future__ import annotations

import random
from collections.abc import Callable

# Seconds until the second attempt, by what the pause grows with each further one, and its maximum.
FIRST_PAUSE_S, GROWTH, PAUSE_S_MAX = 5.0, 3.0, 4 * 3600.0
# Share by which a pause may be longer, so that receivers that failed together are not called so.
_JITTER = 0.2


def pause_s(
    tries: int, retry_after_s: float | None = None, share: Callable[[], float] = random.random
) -> float:
    """Return the seconds until the next attempt.

    Args:
        tries: Number of attempts so far, at least 1.
        retry_after_s: The pause that the receiver asked for; a longer one than ours is kept, up to
            the maximum.
        share: Returns a random number from 0 to 1.
    """
    grown = FIRST_PAUSE_S * GROWTH ** min(tries - 1, 20)
    own = min(grown, PAUSE_S_MAX) * (1 + _JITTER * share())
    return max(own, min(retry_after_s or 0.0, PAUSE_S_MAX))
