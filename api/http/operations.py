"""What an operation is: who may call a route, what it reads and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from api.schemas.answer import Answer
from common.keys.base import Scope

# A JSON schema.
Schema = dict[str, Any]
# What has a schema of its own in the document: what is read, and what is answered.
Model = type[BaseModel] | type[Answer]
# The schema of bytes that are no JSON.
BINARY: Schema = {"type": "string", "format": "binary"}
# The schema of text that is no JSON.
TEXT: Schema = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer that is no error.

    Args:
        says: A sentence.
        content: A model or a schema for each media type; none where there is no body.
        headers: Names of ``api.openapi.headers.HEADERS`` that it carries.
    """

    says: str
    content: Mapping[str, Model | Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route.

    Args:
        tag: What it is about.
        scope: What a key must be allowed to do; None where everybody may call it.
        replies: Its answers that are no errors, by their statuses.
        errors: Statuses of its errors, beside those that every route of its kind has.
        query: What its query string may hold; nothing without one.
        headers: Request headers that it reads, with their schemas and what they do.
        body: A model or a schema for each media type that it reads.
        is_open_here: Whether this machine itself may call it without a key.
    """

    tag: str
    scope: Scope | None
    replies: Mapping[int, Reply]
    errors: tuple[int, ...] = ()
    query: type[BaseModel] | None = None
    headers: Mapping[str, Schema] = field(default_factory=dict)
    body: Mapping[str, Model | Schema] = field(default_factory=dict)
    is_open_here: bool = False

    @property
    def parameters(self) -> frozenset[str]:
        """Names that its query string may have."""
        return frozenset(self.query.model_fields if self.query else ())


def json(says: str, model: type[Answer], *headers: str) -> Reply:
    """Return an answer in JSON."""
    return Reply(says, {"application/json": model}, headers)
