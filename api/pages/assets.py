"""Files of the pages, read once per process and versioned by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

# Media types of the pages' files, by extension.
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

# Placeholder in a page's HTML for the path of its other files.
_PLACEHOLDER = b"{assets}"
# Hexadecimal digits of a version; enough to avoid collisions.
_VERSION_DIGITS = 16
# The package that contains Swagger UI, and the files that the documentation uses.
_SWAGGER_PACKAGE, _SWAGGER_FILES = "flask_swagger_ui", ("swagger-ui.css", "swagger-ui-bundle.js")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its HTML and its other files."""

    html: bytes
    assets: Mapping[str, bytes]
    # Changes with the content of any file, so the files can be cached forever.
    version: str


@cache
def load_page() -> Page:
    """Read the web page from the package."""
    return _read((files("api") / "web").iterdir(), "index.html", "/assets")


@cache
def load_docs() -> Page:
    """Read the page that shows the OpenAPI document, with Swagger UI."""
    swagger = files(_SWAGGER_PACKAGE) / "dist"
    own = (files("api") / "docs").iterdir()
    return _read([*own, *(swagger / name for name in _SWAGGER_FILES)], "docs.html", "/docs")


def media_type(name: str) -> str:
    """Return the media type of one of a page's files."""
    return MEDIA_TYPES[_extension(name)]


def _read(found: Iterable[Traversable], html_name: str, path: str) -> Page:
    """Read a page's files: its HTML, and the others, which are served below ``path``."""
    assets = {
        file.name: file.read_bytes()
        for file in sorted(found, key=lambda file: file.name)
        if _extension(file.name) in MEDIA_TYPES
    }
    digest = hashlib.sha256()
    for name, data in assets.items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    version = digest.hexdigest()[:_VERSION_DIGITS]
    html = assets.pop(html_name).replace(_PLACEHOLDER, f"{path}/{version}".encode())
    return Page(html, assets, version)


def _extension(name: str) -> str:
    return name[name.rfind(".") :]
