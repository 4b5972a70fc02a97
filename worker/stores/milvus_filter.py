"""Filters as Milvus reads them: one expression, in which no value can be more than a value."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from common.filters import Condition, Filter, Own, Tags, read_time
from worker.stores.metadata_keys import stored_key

_COMPARISONS = {"eq": "==", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# Our names of the fields that Milvus knows under another.
_FIELDS = {"filename": "filepath"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Characters between surrogates, which no text has.
_BEFORE_SURROGATES, _AFTER_SURROGATES = 0xD7FF, 0xE000


def expression(tenant: str, wanted: Filter | None = None) -> str:
    """Return the expression of a tenant's rows that meet a filter.

    The tenant's condition stands first and holds together with everything else.
    """
    parts = [f"tenant == {literal(tenant)}"]
    if wanted is not None:
        parts += [part for each in _conditions(wanted) for part in each]
    return " and ".join(parts)


def literal(value: str | int | float | bool) -> str:
    """Write a value so that Milvus reads it as this value and nothing else."""
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(int(value)) if _is_whole(value) else repr(value)


def _escaped(text: str) -> str:
    return "".join(_escaped_character(character) for character in text)


def _escaped_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    # A line must not end within a text; other control characters are no better.
    return f"\\{ord(character):03o}" if ord(character) < 0x20 or character == "\x7f" else character


def _is_whole(number: float) -> bool:
    return isinstance(number, int) or (number.is_integer() and abs(number) <= 2**53)


def _conditions(wanted: Filter) -> list[list[str]]:
    """Return the expressions of each condition; all of them must hold."""
    plain = ("width", "height", "bytes", "format", "filename")
    found = [
        _plain(_FIELDS.get(name, name), condition)
        for name in plain
        if (condition := getattr(wanted, name)) is not None
    ]
    if wanted.tags is not None:
        found.append(_tags(wanted.tags))
    if wanted.indexed_at is not None:
        found.append(_moment(wanted.indexed_at.operands))
    return found + [_own(key, condition) for key, condition in wanted.metadata.items()]


def _plain(field: str, condition: Condition) -> list[str]:
    parts = []
    for operator, operand in condition.operands.items():
        if operator == "in":
            parts.append(f"{field} in [{_listed(operand)}]")
        elif operator == "prefix":
            parts += _begins(field, operand)
        else:
            parts.append(f"{field} {_COMPARISONS[operator]} {literal(operand)}")
    return parts


def _begins(field: str, prefix: str) -> list[str]:
    """Return the range of the texts that begin so: a pattern would read signs in the prefix."""
    parts = [f"{field} >= {literal(prefix)}"]
    rest = prefix.rstrip(chr(sys.maxunicode))
    if rest:
        parts.append(f"{field} < {literal(rest[:-1] + _next(rest[-1]))}")
    return parts


def _next(character: str) -> str:
    code = ord(character)
    return chr(_AFTER_SURROGATES if code == _BEFORE_SURROGATES else code + 1)


def _tags(wanted: Tags) -> list[str]:
    parts = []
    if wanted.any is not None:
        parts.append(f"array_contains_any(tags, [{_listed(wanted.any)}])")
    if wanted.all is not None:
        parts.append(f"array_contains_all(tags, [{_listed(wanted.all)}])")
    if wanted.none is not None:
        parts.append(f"not array_contains_any(tags, [{_listed(wanted.none)}])")
    return parts


def _moment(operands: Mapping[str, str]) -> list[str]:
    """Compare with milliseconds, which is what rows have; what is asked for may be finer."""
    parts = []
    for operator, text in operands.items():
        since = read_time(text) - _EPOCH
        # Rounded down, or up, so that the answer is that of the exact time.
        bound = since // _MILLISECOND if operator in ("gt", "lte") else -(-since // _MILLISECOND)
        parts.append(f"indexed_at {_COMPARISONS[operator]} {bound}")
    return parts


def _own(key: str, condition: Own) -> list[str]:
    field = f'metadata["{stored_key(key)}"]'
    parts = []
    for operator, operand in condition.operands.items():
        if operator == "in":
            # Values of several kinds are no list to Milvus.
            each = " or ".join(f"{field} == {literal(value)}" for value in operand)
            parts.append(f"({each})")
        else:
            parts.append(f"{field} {_COMPARISONS[operator]} {literal(operand)}")
    return parts


def _listed(values: list[Any]) -> str:
    return ", ".join(literal(value) for value in values)
