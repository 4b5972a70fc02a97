"""Times in metadata: EXIF's, XMP's and IPTC's forms become RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# A date and a time of day in any of the forms; some cameras pad numbers with spaces.
_TIME = re.compile(
    r"\s*([0-9]{4})[-:/.]?([ 0-9][0-9])[-:/.]?([ 0-9][0-9])"
    r"(?:[T\s]\s*([ 0-9][0-9]):?([0-9]{2})(?::?([0-9]{2})(?:[.,][0-9]*)?)?\s*(\S*))?"
)
_OFFSET = re.compile(r"\s*(?:(Z)|([-+])([0-9]{1,2}):?([0-9]{2}))")
# The year of the oldest photograph.
_YEAR_MIN = 1826
# The largest offset of any place, either way.
_OFFSET_MAX = timedelta(hours=14)
# Characters of a time without its offset.
_LOCAL = len("2024-05-01T12:00:00")


def parse_time(text: str | None, offset: str | None = None) -> str | None:
    """Return a time as RFC 3339, without an offset if none is said; None if it is none.

    A date alone means its midnight. Fractions of a second are dropped.

    Args:
        text: The time, possibly with its offset.
        offset: The offset, if it is said elsewhere.
    """
    found = _TIME.match(text or "")
    if found is None:
        return None
    *numbers, own = found.groups(default="0")
    zone = parse_offset(own) or parse_offset(offset)
    try:
        moment = datetime(*map(int, numbers), tzinfo=zone)  # type: ignore[arg-type, misc]
    except ValueError:
        # No such day, or zeros.
        return None
    return moment.isoformat() if moment.year >= _YEAR_MIN else None


def parse_offset(text: str | None) -> timezone | None:
    """Return an offset such as ``+02:00``; None if it is none, or that of no place."""
    found = _OFFSET.match(text or "")
    if found is None:
        return None
    zulu, sign, hours, minutes = found.groups()
    if zulu:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset) if offset <= _OFFSET_MAX else None


def with_offset(time: str, others: list[str]) -> str:
    """Return a time, with the offset of another one that is equal but for it."""
    if len(time) > _LOCAL:
        return time
    return max((other for other in others if other[:_LOCAL] == time), key=len, default=time)
