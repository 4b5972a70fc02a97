"""Milvus's expressions: literals, which cannot inject syntax, and combinations."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from common.images.metadata_limits import INTEGER_MAX

Operator = Literal["and", "or"]

# The characters before and after the surrogates, which no text contains.
_BEFORE_SURROGATES, _AFTER_SURROGATES = 0xD7FF, 0xE000


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a Milvus can express.

    Attributes:
        has_infix: Whether a pattern may begin with a wildcard.
        has_not: Whether it supports ``not``.
        negates_missing: Whether ``!=``, ``not in`` and ``not (...)`` are true if the value in JSON
            that they compare is missing or of another type.
    """

    has_infix: bool
    has_not: bool
    negates_missing: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows, as an expression.

    Attributes:
        text: True for all of the rows; empty if it is true for every row.
        exact: Whether it is true for no other rows; if not, each row found must be checked.
        depth: How deep the expression nests, about.
    """

    text: str
    exact: bool = True
    depth: int = 0


# No rows, whatever their fields.
NOTHING = Scope('image_id == ""')
# Rows that no expression tells from others.
UNKNOWN = Scope("", exact=False)


def combined(operator: Operator, scopes: Sequence[Scope]) -> Scope:
    """Return the rows that are in all of the scopes, or in at least one of them."""
    if operator == "or" and not scopes:
        return NOTHING
    exact = all(scope.exact for scope in scopes)
    heap = [(scope.depth, at, scope.text) for at, scope in enumerate(scopes) if scope.text]
    if not heap or (operator == "or" and len(heap) < len(scopes)):
        return Scope("", exact)
    # The deepest are joined last, because a message nests at most a hundred levels.
    heapq.heapify(heap)
    while len(heap) > 1:
        (_, at, one), (depth, _, other) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (depth + 1, at, f"({one} {operator} {other})"))
    depth, _, text = heap[0]
    return Scope(text, exact, depth)


def joined(operator: Operator, parts: Sequence[str]) -> str:
    """Join expressions by ``and`` or ``or``, as a balanced tree.

    A chain would exceed the maximum nesting of a message, which is a hundred levels.
    """
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return f"({joined(operator, parts[:half])} {operator} {joined(operator, parts[half:])})"


def literal(value: str | int | float | bool) -> str:
    """Return the literal of a value, escaped."""
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(int(value)) if _is_whole(value) else repr(value)


def listed(values: Sequence[Any]) -> str:
    """Return the literal of a list of values."""
    return f"[{', '.join(map(literal, values))}]"


def end_of(prefix: str) -> str | None:
    """Return the first text after all that begin with a prefix; None if there is none."""
    rest = prefix.rstrip(chr(sys.maxunicode))
    return rest[:-1] + _next(rest[-1]) if rest else None


def _next(character: str) -> str:
    code = ord(character)
    return chr(_AFTER_SURROGATES if code == _BEFORE_SURROGATES else code + 1)


def _escaped(text: str) -> str:
    # Every Milvus supports these two escapes; Lite drops the backslash of all others.
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _is_whole(number: float) -> bool:
    return isinstance(number, int) or (number.is_integer() and abs(number) <= INTEGER_MAX)
