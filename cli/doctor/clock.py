"""A finding about a clock, compared with Redis's."""

from __future__ import annotations

from common.findings import Finding, Part
from common.redis.time import SKEW_S_MAX


def clock_finding(part: str, whose: str, skew_s: float) -> Finding:
    """Return whether a clock agrees with Redis's.

    Args:
        part: The part that the clock belongs to.
        whose: Names the clock, at the start of a sentence.
        skew_s: Seconds by which it is ahead; negative if behind.
    """
    way = "ahead of" if skew_s >= 0 else "behind"
    text = f"{whose} is {abs(skew_s):.1f} s {way} Redis's."
    if abs(skew_s) > SKEW_S_MAX:
        return Part(part).warning("clock", text, "Synchronize the clocks of all machines (NTP).")
    return Part(part).ok("clock", text)
