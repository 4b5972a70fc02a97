"""Bodies of requests that change indexed images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def selected(ids: Sequence[str] | None, wanted: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the part of a body that selects images."""
    given = {"ids": None if ids is None else list(ids), "filter": wanted}
    return {name: each for name, each in given.items() if each is not None}


def edit_body(
    add_tags: str | Sequence[str],
    remove_tags: str | Sequence[str],
    metadata: Mapping[str, str | int | float | bool | None] | None,
    filename: str | None = None,
) -> dict[str, Any]:
    """Return the part of a body that says what to change."""
    tags = {"add": _listed(add_tags), "remove": _listed(remove_tags)}
    named = {} if filename is None else {"filename": filename}
    return {"tags": tags, "metadata": dict(metadata or {}), **named}


def _listed(tags: str | Sequence[str]) -> list[str]:
    return [tags] if isinstance(tags, str) else list(tags)
