"""Whether a request comes from this very machine, sent by somebody who means it."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

from common.loopback import is_loopback

# What a proxy tells of where a request came from. With any of them it came from elsewhere.
_PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
# Methods that change nothing.
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_from_here(request: Request) -> bool:
    """Tell whether a request was made on this machine, for this machine.

    The peer is loopback and no proxy. The name that was asked for is loopback's, for
    a page from elsewhere may point a name of its own here; and no page of another
    site lets a browser of this machine change anything.
    """
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    if not is_loopback(request.remote_addr or "") or not is_loopback(_host(request)):
        return False
    site = request.headers.get("Sec-Fetch-Site", "none")
    return request.method in _HARMLESS or site in ("none", "same-origin")


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        return ""
