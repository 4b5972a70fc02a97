"""The web page's files: read once by a process, under a name that changes when they do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# What the page is made of, by the ends of the names.
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

# The page itself; it names where its other files are.
_INDEX = "index.html"
# What stands for that place in the page.
_PLACE = b"{assets}"
# Hexadecimal digits of the version, enough to tell any two.
_VERSION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Page:
    """The web page: its HTML, and the files that belong to it."""

    html: bytes
    assets: Mapping[str, bytes]
    # Differs whenever any of the files does, so that a cache may keep them for good.
    version: str


@cache
def load_page() -> Page:
    """Read the page from the package."""
    found = {
        file.name: file.read_bytes()
        for file in sorted((files("api") / "web").iterdir(), key=lambda file: file.name)
        if _ending(file.name) in MEDIA_TYPES
    }
    digest = hashlib.sha256()
    for name, data in found.items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    version = digest.hexdigest()[:_VERSION_DIGITS]
    html = found.pop(_INDEX).replace(_PLACE, f"/assets/{version}".encode())
    return Page(html, found, version)


def media_type(name: str) -> str:
    """Return the media type of one of the page's files."""
    return MEDIA_TYPES[_ending(name)]


def _ending(name: str) -> str:
    return name[name.rfind(".") :]
