"""Local requests: made on this machine, and not by a page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

from common.loopback import is_loopback

# Headers that proxies add, by their names in WSGI. A request with any of them came from elsewhere.
_PROXY_HEADERS = frozenset(
    {
        *("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST"),
        *("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_PREFIX", "HTTP_X_REAL_IP", "HTTP_VIA"),
    }
)
# Methods that change nothing.
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_from_here(request: Request) -> bool:
    """Tell whether a request was made on this machine, for this machine.

    The peer must be loopback, and no proxy. The requested host must be loopback, because
    another site may point its own host name here. A browser's request for another
    site's page must not change anything.
    """
    if not _PROXY_HEADERS.isdisjoint(request.environ):
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
