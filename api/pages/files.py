"""Responses for the pages' files: typed, cacheable, and never sniffed."""

from __future__ import annotations

from flask import Request, Response

from api.http.conditional import conditional
from api.pages.assets import Page, media_type
from common.errors import NotFound

# Pages are revalidated on every request; the response is 304 while they are unchanged.
FRESH = "no-cache"
# A file under the current version never changes.
_IMMUTABLE = "public, max-age=31536000, immutable"


def sent_asset(page: Page, version: str, name: str, request: Request) -> Response:
    """Return a file of a page, cacheable forever if its version is current.

    Raises:
        NotFound: The page has no such file.
    """
    if name not in page.assets:
        raise NotFound(f"The page has no file {name!r}.")
    caching = _IMMUTABLE if version == page.version else FRESH
    content_type = f"{media_type(name)}; charset=utf-8"
    etag = f"{page.version}-{name}"
    return sent_file(page.assets[name], content_type, etag, caching, request)


def sent_page(page: Page, request: Request) -> Response:
    """Return a page's HTML, for the path at which the request reached the API."""
    root = request.script_root
    return sent_file(
        page.html_below(root), "text/html; charset=utf-8", page.etag(root), FRESH, request
    )


def sent_file(
    data: bytes, content_type: str, etag: str, caching: str, request: Request
) -> Response:
    """Return a file, or 304 if the caller already has it."""
    response = Response(data, content_type=content_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return conditional(response, request)
