"""Admission: what makes work for the ingest workers is let in, or refused before it is read."""

from __future__ import annotations

import math

from api.load.base import Load
from common.errors import Overloaded

# How full Redis may be, from 0 to 1: what is in hand needs the rest for its outcomes.
_MEMORY_SHARE_MAX = 0.9
# Seconds after which a caller may look whether Redis has room again.
_MEMORY_RETRY_S = 60
# Seconds that a caller is sent away for, at most: rates change within an hour.
_RETRY_S_MAX = 3600


def admit(load: Load, wait_s_max: float) -> None:
    """Let an upload in, however large, if what is ahead of it is not too much.

    Those let in at the same moment do not see each other, so the wait may grow
    past the bound by what one request of each of the API's threads brings.

    Args:
        load: As it is now.
        wait_s_max: Seconds that an upload may have to wait for the ingest workers.

    Raises:
        Overloaded: Try again later.
    """
    if load.memory_share > _MEMORY_SHARE_MAX:
        raise Overloaded(
            f"Redis is {load.memory_share:.0%} full, and no more is taken in past "
            f"{_MEMORY_SHARE_MAX:.0%}; try again in {_MEMORY_RETRY_S} s.",
            _MEMORY_RETRY_S,
        )
    if load.wait_s > wait_s_max:
        retry_s = min(max(math.ceil(load.wait_s - wait_s_max), 1), _RETRY_S_MAX)
        raise Overloaded(
            f"{load.pending} images wait, which takes about {load.wait_s:.0f} s at "
            f"{load.rate_per_s:.3g} a second; no more are taken in past {wait_s_max:g} s. "
            f"Try again in {retry_s} s.",
            retry_s,
        )
