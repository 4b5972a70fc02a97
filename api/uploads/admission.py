"""Admission control: refuses uploads and replays, before reading the body, if overloaded."""

from __future__ import annotations

import math

from api.load.base import Load
from common.errors import Overloaded

# Maximum share of Redis's memory in use; work in progress needs the rest for its outcomes.
_MEMORY_SHARE_MAX = 0.9
# Seconds after which to retry when Redis is nearly full.
_MEMORY_RETRY_S = 60
# Maximum of ``Retry-After``, in seconds; rates change within an hour.
_RETRY_S_MAX = 3600


def admit(load: Load, wait_s_max: float) -> None:
    """Accept an upload of any size if the backlog before it is short enough.

    Concurrent requests do not see each other, so the wait can exceed the limit by one request per
    thread of the API.

    Args:
        load: The current load.
        wait_s_max: Maximum seconds that an upload may wait for the ingest workers.

    Raises:
        Overloaded: The backlog is too long or Redis is nearly full; try again later.
    """
    if load.memory_share > _MEMORY_SHARE_MAX:
        raise Overloaded(
            f"Redis is {load.memory_share:.0%} full, and uploads are refused above "
            f"{_MEMORY_SHARE_MAX:.0%}; try again in {_MEMORY_RETRY_S} s.",
            _MEMORY_RETRY_S,
        )
    if load.wait_s > wait_s_max:
        retry_s = min(max(math.ceil(load.wait_s - wait_s_max), 1), _RETRY_S_MAX)
        raise Overloaded(
            f"{load.pending} images are pending, which takes about {load.wait_s:.0f} s at "
            f"{load.rate_per_s:.3g} per second; uploads are refused above {wait_s_max:g} s. "
            f"Try again in {retry_s} s.",
            retry_s,
        )
