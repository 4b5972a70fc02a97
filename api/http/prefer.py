"""``Prefer: wait=SECONDS`` (RFC 7240): hold the response until the result is ready."""

from __future__ import annotations

from flask import Request
from werkzeug.http import parse_dict_header


def wait_s(request: Request, longest_s: float) -> float | None:
    """Return the seconds to wait, at most ``longest_s``; None without such a preference.

    A value that is not a number is ignored, as the RFC requires.
    """
    # Preference names are case-insensitive.
    header = request.headers.get("Prefer", "").replace(";", ",").lower()
    text = parse_dict_header(header).get("wait")
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return min(seconds, longest_s) if seconds > 0 else None
