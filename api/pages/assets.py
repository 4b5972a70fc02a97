"""Files of the pages: read once by a process, under a name that changes when they do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

# What the pages are made of, by the ends of the names.
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

# What stands for the place of a page's other files in its HTML.
_PLACE = b"{assets}"
# Hexadecimal digits of the version, enough to tell any two.
_VERSION_DIGITS = 16
# What the documentation needs of Swagger UI, and the package that carries it.
_SWAGGER_PACKAGE, _SWAGGER_FILES = "flask_swagger_ui", ("swagger-ui.css", "swagger-ui-bundle.js")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its HTML, and the files that belong to it."""

    html: bytes
    assets: Mapping[str, bytes]
    # Differs whenever any of the files does, so that a cache may keep them for good.
    version: str


@cache
def load_page() -> Page:
    """Read the web page from the package."""
    return _read((files("api") / "web").iterdir(), "index.html", "/assets")


@cache
def load_docs() -> Page:
    """Read the page that shows the OpenAPI document, and Swagger UI, which draws it."""
    drawn_by = files(_SWAGGER_PACKAGE) / "dist"
    own = (files("api") / "docs").iterdir()
    return _read([*own, *(drawn_by / name for name in _SWAGGER_FILES)], "docs.html", "/docs")


def media_type(name: str) -> str:
    """Return the media type of one of a page's files."""
    return MEDIA_TYPES[_ending(name)]


def _read(found: Iterable[Traversable], html_name: str, place: str) -> Page:
    """Read a page's files, one of which is its HTML; the others are served below ``place``."""
    assets = {
        file.name: file.read_bytes()
        for file in sorted(found, key=lambda file: file.name)
        if _ending(file.name) in MEDIA_TYPES
    }
    digest = hashlib.sha256()
    for name, data in assets.items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    version = digest.hexdigest()[:_VERSION_DIGITS]
    html = assets.pop(html_name).replace(_PLACE, f"{place}/{version}".encode())
    return Page(html, assets, version)


def _ending(name: str) -> str:
    return name[name.rfind(".") :]
