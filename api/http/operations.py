"""Describes operations: the scope, inputs and responses of a route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from api.schemas.answer import Answer
from common.keys.base import Scope

# A JSON schema.
Schema = dict[str, Any]
# Request and response models, which have their own schemas in the document.
Model = type[BaseModel] | type[Answer]
# Schema of binary content.
BINARY: Schema = {"type": "string", "format": "binary"}
# Schema of plain text.
TEXT: Schema = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Reply:
    """One successful response.

    Args:
        description: A sentence for the OpenAPI document.
        content: A model or a schema for each media type; empty if there is no body.
        headers: Names of its headers, keys of ``api.openapi.headers.HEADERS``.
    """

    description: str
    content: Mapping[str, Model | Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route.

    Args:
        tag: The group it belongs to in the OpenAPI document.
        scope: The scope that a key needs; None if no key is needed.
        replies: Its successful responses, by status.
        errors: Statuses of its errors, in addition to those common to its kind of route.
        query: The model of its query string; None if it accepts no parameters.
        headers: The request headers it reads, with their schemas and descriptions.
        body: A model or a schema for each media type of its body.
        is_open_here: Whether callers on this machine need no key.
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
        """The names of its query parameters."""
        fields = self.query.model_fields if self.query else {}
        return frozenset(field.alias or name for name, field in fields.items())


def json(description: str, model: type[Answer], *headers: str) -> Reply:
    """Return a reply with a JSON body."""
    return Reply(description, {"application/json": model}, headers)
