"""``Prefer: wait=SECONDS`` (RFC 7240): a caller's wish to have the answer at once."""

from __future__ import annotations

from flask import Request
from werkzeug.http import parse_dict_header


def wait_s(request: Request, longest_s: float) -> float | None:
    """Return the seconds a caller will wait, at most ``longest_s``; None where it will not.

    A preference that is no number is ignored, as the RFC asks.
    """
    # Names of preferences ignore case.
    header = request.headers.get("Prefer", "").replace(";", ",").lower()
    text = parse_dict_header(header).get("wait")
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return min(seconds, longest_s) if seconds > 0 else None
