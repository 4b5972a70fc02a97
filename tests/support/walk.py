"""A walk: one request for every operation that the OpenAPI document knows, side by side."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from tests.support.pictures import picture

# Seconds after which a call counts as hanging.
HANGS_AFTER_S = 5.0
# Requests at once.
_THREADS = 6
# Methods in the order that they are sent in: what takes something away comes last.
_ORDER = ("get", "post", "delete")
# What goes into the bodies of those that have one, by their ids.
_BODIES: dict[str, dict[str, Any]] = {
    "images_upload": {"content": picture("navy"), "headers": {"Content-Type": "image/png"}},
    "images_check": {"json": {"ids": ["0" * 64]}},
    "searches_create": {"json": {"text": "red"}},
}
# Where only pages lead.
_FILES = {"version": "x", "name": "docs.css"}


class Walk:
    """What to walk over, and with what.

    Args:
        url: Where the service is.
        document: Its OpenAPI document.
        known: What stands in the places of paths, by the places' names.
    """

    def __init__(self, url: str, document: dict[str, Any], known: dict[str, str]) -> None:
        self._url = url
        self._document = document
        self._known = {**_FILES, **known}

    @property
    def codes(self) -> set[str]:
        """The codes that a problem may have."""
        properties = self._document["components"]["schemas"]["Problem"]["properties"]
        return set(properties["code"]["enum"])

    def responses(self) -> dict[str, httpx.Response]:
        """Return every answer by the id of its operation.

        Raises:
            httpx.TimeoutException: One did not come in ``HANGS_AFTER_S``.
        """
        found: dict[str, httpx.Response] = {}
        with (
            httpx.Client(base_url=self._url, timeout=HANGS_AFTER_S) as client,
            ThreadPoolExecutor(_THREADS) as threads,
        ):
            for method in _ORDER:
                asked = self._operations(method)
                answers = threads.map(partial(self._ask, client, method), asked)
                found |= dict(zip((name for name, _ in asked), answers, strict=True))
        return found

    def _operations(self, method: str) -> list[tuple[str, str]]:
        paths = self._document["paths"].items()
        return [(each[method]["operationId"], path) for path, each in paths if method in each]

    def _ask(self, client: httpx.Client, method: str, asked: tuple[str, str]) -> httpx.Response:
        name, path = asked
        place = re.sub(r"{(\w+)}", lambda found: self._known[found[1]], path)
        return client.request(method, place, **_BODIES.get(name, {}))
