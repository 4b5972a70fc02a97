"""``/openapi.json`` and ``/docs``: the API's specification, for programs and for people."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, current_app, json, request

from api.openapi.document import build_document
from api.pages.assets import load_docs
from api.pages.files import FRESH, sent_asset, sent_file, sent_page

blueprint = Blueprint("documents", __name__)

# The page may only run the packaged Swagger UI and call this service. Swagger UI's style sheet
# contains its icons as data URLs.
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
# Extension key of the cached document; an application's routes do not change.
_DOCUMENT = "glimpse.openapi"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return this OpenAPI 3.1 document."""
    cache = current_app.extensions
    if _DOCUMENT not in cache:
        cache[_DOCUMENT] = json.dumps(build_document(current_app)).encode()
    document: bytes = cache[_DOCUMENT]
    if request.script_root:
        # A member at the end costs less than another copy of the document for each path.
        servers = json.dumps({"servers": [{"url": request.script_root}]}).encode()
        document = document[:-1] + b"," + servers[1:]
    etag = hashlib.sha256(document).hexdigest()
    return sent_file(document, "application/json", etag, FRESH, request)


@blueprint.get("/docs")
def docs() -> Response:
    """Return the document in Swagger UI, in which each call can be tried."""
    response = sent_page(load_docs(), request)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


@blueprint.get("/docs/<version>/<name>")
def asset(version: str, name: str) -> Response:
    """Return a file of the documentation; cacheable forever if its version is current."""
    return sent_asset(load_docs(), version, name, request)
