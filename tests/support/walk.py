"""A walk: one request for every operation of the OpenAPI document, sent concurrently."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from tests.support.pictures import picture
from tests.support.plain_http import PLAIN

# Timeout of a request in seconds.
HANGS_AFTER_S = 5.0
# Concurrent requests.
_THREADS = 6
# Methods in the order of sending, deletions last.
_ORDER = ("get", "post", "put", "patch", "delete")
# Request bodies and query strings by operation id.
_BODIES: dict[str, dict[str, Any]] = {
    "images_upload": {"content": picture("navy"), "headers": {"Content-Type": "image/png"}},
    "images_refresh": {"json": {}},
    "images_edit": {"json": {"filter": {}, "tags": {"add": ["walk"]}}},
    "images_change": {"json": {"tags": {"add": ["walk"]}}},
    "jobs_create": {"json": {"name": "walk"}},
    "images_check": {"json": {"ids": ["0" * 64]}},
    "searches_create": {"json": {"text": "red"}},
    "embeddings_create": {"json": {"inputs": [{"text": "red"}]}},
    "models_use": {"json": {"model": "hashing"}},
    "models_start_reindex": {"json": {"model": "hashing"}},
    "models_drop": {"params": {"model": "other"}},
}
# Path parameters of files that only the web page links to.
_FILES = {"version": "x", "name": "docs.css"}


class Walk:
    """Sends a request for every operation.

    Args:
        url: Base URL of the service.
        document: Its OpenAPI document.
        known: Values of path parameters, by name.
    """

    def __init__(self, url: str, document: dict[str, Any], known: dict[str, str]) -> None:
        self._url = url
        self._document = document
        self._known = {**_FILES, **known}

    @property
    def codes(self) -> set[str]:
        """The documented problem codes."""
        properties = self._document["components"]["schemas"]["Problem"]["properties"]
        return set(properties["code"]["enum"])

    def responses(self) -> dict[str, httpx.Response]:
        """Return every response by its operation's id.

        Raises:
            httpx.TimeoutException: A response took longer than ``HANGS_AFTER_S``.
        """
        found: dict[str, httpx.Response] = {}
        with (
            httpx.Client(base_url=self._url, timeout=HANGS_AFTER_S, **PLAIN) as client,
            ThreadPoolExecutor(_THREADS) as threads,
        ):
            for method in _ORDER:
                operations = self._operations(method)
                answers = threads.map(partial(self._ask, client, method), operations)
                found |= dict(zip((name for name, _ in operations), answers, strict=True))
        return found

    def _operations(self, method: str) -> list[tuple[str, str]]:
        paths = self._document["paths"].items()
        return [(each[method]["operationId"], path) for path, each in paths if method in each]

    def _ask(self, client: httpx.Client, method: str, operation: tuple[str, str]) -> httpx.Response:
        name, template = operation
        path = re.sub(r"{(\w+)}", lambda found: self._known[found[1]], template)
        return client.request(method, path, **_BODIES.get(name, {}))
