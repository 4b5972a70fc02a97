"""The JSON body of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Term = Mapping[str, Any]


def search_body(
    text: str, image_id: str | None, query: Sequence[Term], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the JSON body of a search, without the options that are None.

    Raises:
        TypeError: A term is a string.
    """
    if isinstance(query, str) or any(isinstance(term, str) for term in query):
        raise TypeError('a term of query is a mapping, such as {"text": "snow", "weight": -0.5}')
    alone: list[dict[str, Any]] = []
    if text:
        alone.append({"text": text})
    if image_id is not None:
        alone.append({"image_id": image_id})
    asked = {name: value for name, value in options.items() if value is not None}
    if len(alone) == 1 and not query:
        return alone[0] | asked
    terms = [*alone, *map(dict, query)]
    return ({"query": terms} if terms else {}) | asked
