"""Files of the pages as they are sent: typed, never guessed at, and kept by caches."""

from __future__ import annotations

from flask import Request, Response

from api.http.conditional import conditional
from api.pages.assets import Page, media_type
from common.errors import NotFound

# A page is asked for each time, and answered with 304 while it is the same.
FRESH = "no-cache"
# A file under the name of its version never changes.
_IMMUTABLE = "public, max-age=31536000, immutable"


def sent_asset(page: Page, version: str, name: str, request: Request) -> Response:
    """Send a file of a page; caches keep it for good under the right version.

    Raises:
        NotFound: The page has no such file.
    """
    if name not in page.assets:
        raise NotFound(f"The page has no file {name!r}.")
    caching = _IMMUTABLE if version == page.version else FRESH
    content_type = f"{media_type(name)}; charset=utf-8"
    etag = f"{page.version}-{name}"
    return sent_file(page.assets[name], content_type, etag, caching, request)


def sent_file(
    data: bytes, content_type: str, etag: str, caching: str, request: Request
) -> Response:
    """Send bytes, or say that the caller has them already."""
    response = Response(data, content_type=content_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return conditional(response, request)
