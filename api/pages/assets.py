"""Files of the pages, read once per process and versioned by their content."""

from __future__ import annotations

import hashlib
import html
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

# Placeholders in a page's HTML: for the path of its other files, for the API's own path, and for
# links to all of its modules.
_ASSETS, _ROOT, _MODULES = b"{assets}", b"{root}", b"{modules}"
# Hexadecimal digits of a version; enough to avoid collisions.
_VERSION_DIGITS = 16
# The package that contains Swagger UI, and the files that the documentation uses.
_SWAGGER_PACKAGE, _SWAGGER_FILES = "flask_swagger_ui", ("swagger-ui.css", "swagger-ui-bundle.js")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its HTML and its other files.

    The files find the API's path from their own URL; the HTML needs it to name them.
    """

    html: bytes
    # By their paths below the page's.
    assets: Mapping[str, bytes]
    # Changes with the content of any file, so the files can be cached forever.
    version: str

    def html_below(self, root: str) -> bytes:
        """Return the HTML for an API that is mounted at a path."""
        return self.html.replace(_ROOT, html.escape(root).encode())

    def etag(self, root: str) -> str:
        """Return the version of the HTML for that path."""
        return hashlib.sha256(self.html_below(root)).hexdigest()[:_VERSION_DIGITS]


@cache
def load_page() -> Page:
    """Read the web page from the package."""
    return _read(_below(files("api") / "web"), "index.html", "/assets")


@cache
def load_docs() -> Page:
    """Read the page that shows the OpenAPI document, with Swagger UI."""
    swagger = files(_SWAGGER_PACKAGE) / "dist"
    own = _below(files("api") / "docs")
    used = {name: swagger / name for name in _SWAGGER_FILES}
    return _read({**own, **used}, "docs.html", "/docs")


def media_type(name: str) -> str:
    """Return the media type of one of a page's files."""
    return MEDIA_TYPES[_extension(name)]


def _below(folder: Traversable, path: str = "") -> dict[str, Traversable]:
    """Return the files in a folder and its folders, by their paths from there."""
    found: dict[str, Traversable] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _below(entry, f"{path}{entry.name}/")
        else:
            found[path + entry.name] = entry
    return found


def _read(found: Mapping[str, Traversable], html_name: str, path: str) -> Page:
    """Read a page's files: its HTML, and the others, which are served below ``path``."""
    assets = {
        name: file.read_bytes()
        for name, file in sorted(found.items())
        if _extension(name) in MEDIA_TYPES
    }
    digest = hashlib.sha256()
    for name, data in assets.items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    version = digest.hexdigest()[:_VERSION_DIGITS]
    files_at = b"%b%b/%b" % (_ROOT, path.encode(), version.encode())
    filled = assets.pop(html_name).replace(_MODULES, _links(assets)).replace(_ASSETS, files_at)
    return Page(filled, assets, version)


def _links(assets: Iterable[str]) -> bytes:
    """Return links by which a browser loads all modules at once.

    Otherwise it would learn of a module only from one that imports it: one more round trip for each
    level of imports.
    """
    modules = (name for name in assets if _extension(name) == ".js")
    links = (f'<link rel="modulepreload" href="{{assets}}/{name}">' for name in modules)
    return "\n  ".join(links).encode()


def _extension(name: str) -> str:
    return name[name.rfind(".") :]
