"""``/``: the web page, static files that load nothing from other hosts."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.pages.assets import load_page
from api.pages.files import sent_asset, sent_page

blueprint = Blueprint("web", __name__)

# The page may only use its own files, show pictures from this service or from the visitor's
# machine, and call this service. It must not create markup from strings.
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
    """Return the web page."""
    response = sent_page(load_page(), request)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


@blueprint.get("/assets/<version>/<path:name>")
def asset(version: str, name: str) -> Response:
    """Return a file of the page; cacheable forever if its version is current."""
    return sent_asset(load_page(), version, name, request)
