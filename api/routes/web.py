"""``/``: the web page, plain files that ask nothing of any other host."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.pages.assets import load_page
from api.pages.files import FRESH, sent_asset, sent_file

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


@blueprint.get("/")
def index() -> Response:
    """Show the page."""
    page = load_page()
    etag = f"{page.version}-index.html"
    response = sent_file(page.html, "text/html; charset=utf-8", etag, FRESH, request)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


@blueprint.get("/assets/<version>/<name>")
def asset(version: str, name: str) -> Response:
    """Send one of the page's files, whatever its version; only the right one is kept."""
    return sent_asset(load_page(), version, name, request)
