"""Every route of the API with a valid request for it, for tests that must cover all routes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from common.settings import load_settings
from tests.support.inline import start_inline
from tests.support.pictures import picture

UNKNOWN_IMAGE, UNKNOWN_RECORD = "0" * 64, "0" * 32


@dataclass(frozen=True)
class Target:
    """The subject of a call: ids for paths and bodies, and a picture to upload."""

    image_id: str = UNKNOWN_IMAGE
    job_id: str = UNKNOWN_RECORD
    search_id: str = UNKNOWN_RECORD
    data: bytes = field(default_factory=lambda: picture("red"))


@dataclass(frozen=True)
class Route:
    """One method of a route."""

    method: str
    path: str
    endpoint: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_about_one(self) -> bool:
        """Whether the path names an image, a job or a search."""
        return "_id>" in self.path

    def call(self, client: FlaskClient, target: Target, key: str | None = None) -> TestResponse:
        """Call the route for a target, with or without an API key."""
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: _part(found[1], target), self.path)
        body = _BODIES.get(self.endpoint, lambda _: {})(target)
        headers = {"Prefer": "wait=5"} | ({"Authorization": f"Bearer {key}"} if key else {})
        return client.open(path, method=self.method, headers=headers, **body)


def all_routes() -> list[Route]:
    """Return every method of every route of the app."""
    inline = start_inline(load_settings({}), workers=False)
    rules = list(inline.app.url_map.iter_rules())
    inline.close()
    return [route for rule in rules for route in _of(rule)]


def _of(rule: Rule) -> list[Route]:
    methods = sorted((rule.methods or set()) - {"OPTIONS"})
    return [Route(method, rule.rule, rule.endpoint) for method in methods]


def _part(name: str, target: Target) -> str:
    return str(getattr(target, name, "x"))


_BODIES: dict[str, Callable[[Target], dict[str, Any]]] = {
    "images.upload": lambda target: {"data": {"file": (io.BytesIO(target.data), "mine.png")}},
    "images.refresh": lambda _: {"json": {}},
    "images.edit": lambda target: {"json": {"ids": [target.image_id], "tags": {"add": ["mine"]}}},
    "images.change": lambda _: {"json": {"tags": {"add": ["mine"]}}},
    "jobs.create": lambda _: {"json": {"name": "mine"}},
    "images.check": lambda target: {"json": {"ids": [target.image_id]}},
    "searches.create": lambda target: {
        "json": {"query": [{"image_id": target.image_id}, {"text": "a red thing"}]}
    },
    "embeddings.create": lambda target: {
        "json": {"inputs": [{"image_id": target.image_id}, {"text": "a red thing"}]}
    },
    "models.use": lambda _: {"json": {"model": "hashing"}},
    "models.drop": lambda _: {"query_string": {"model": "other"}},
    "models.start_reindex": lambda _: {"json": {"model": "other"}},
}
