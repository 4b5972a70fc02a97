"""Times in the API: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def rfc3339(seconds: float) -> str:
    """Format seconds since 1970 as RFC 3339, such as ``2026-01-31T12:00:00.000Z``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    """Parse an RFC 3339 time as whole milliseconds since 1970."""
    return (datetime.fromisoformat(text) - EPOCH) // MILLISECOND
