"""``/``: the web page, plain files that ask nothing of any other host."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.assets import load_page, media_type
from common.errors import NotFound

blueprint = Blueprint("web", __name__)

# What the page may do: use its own files, show pictures from here or from the reader's own
# machine, and ask this service. No markup may come from a string.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
# The page is asked for each time, and answered with 304 while it is the same.
_FRESH = "no-cache"
# A file under the name of its version never changes.
_IMMUTABLE = "public, max-age=31536000, immutable"


@blueprint.get("/")
def index() -> Response:
    """Show the page."""
    page = load_page()
    response = _sent(page.html, "index.html", page.version, _FRESH)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


@blueprint.get("/assets/<version>/<name>")
def asset(version: str, name: str) -> Response:
    """Send one of the page's files, whatever its version; only the right one is kept."""
    page = load_page()
    if name not in page.assets:
        raise NotFound(f"The page has no file {name!r}.")
    caching = _IMMUTABLE if version == page.version else _FRESH
    return _sent(page.assets[name], name, page.version, caching)


def _sent(data: bytes, name: str, version: str, caching: str) -> Response:
    response = Response(data, content_type=f"{media_type(name)}; charset=utf-8")
    response.set_etag(f"{version}-{name}")
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.make_conditional(request)
    return response
