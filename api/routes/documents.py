"""``/openapi.json`` and ``/docs``: what the API is, for programs and for people."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, current_app, json, request

from api.openapi.document import build_document
from api.pages.assets import load_docs
from api.pages.files import FRESH, sent_asset, sent_file

blueprint = Blueprint("documents", __name__)

# What the page may do: run Swagger UI as it came with its package, and ask this service.
# Swagger UI draws its icons from data in its style sheet.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
# Where the document is kept once it is made: an application's routes do not change.
_DOCUMENT = "glimpse.openapi"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Tell what the API reads and answers, as OpenAPI 3.1."""
    kept = current_app.extensions
    if _DOCUMENT not in kept:
        kept[_DOCUMENT] = json.dumps(build_document(current_app)).encode()
    document: bytes = kept[_DOCUMENT]
    etag = hashlib.sha256(document).hexdigest()
    return sent_file(document, "application/json", etag, FRESH, request)


@blueprint.get("/docs")
def docs() -> Response:
    """Show the document to people, who can try each call there."""
    page = load_docs()
    response = sent_file(page.html, "text/html; charset=utf-8", page.version, FRESH, request)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


@blueprint.get("/docs/<version>/<name>")
def asset(version: str, name: str) -> Response:
    """Send one of the documentation's files, whatever its version; only the right one is kept."""
    return sent_asset(load_docs(), version, name, request)
