"""Local requests: made on this machine, and not by a page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

from common.loopback import is_loopback

# Headers that proxies add. A request with any of them came from elsewhere.
_PROXY_HEADERS = (
    *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"),
    *("X-Forwarded-Prefix", "X-Real-IP", "Via"),
)
# Methods that change nothing.
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_from_here(request: Request) -> bool:
    """Tell whether a request was made on this machine, for this machine.

    The peer must be loopback, and no proxy. The requested host must be loopback, because
    another site may point its own host name here. A browser's request for another
    site's page must not change anything.
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
