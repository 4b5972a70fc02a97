"""Translates filters into Milvus expressions; values are escaped, so they cannot inject syntax."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from common.filters.model import Filter, Near, Own, Tags
from common.filters.values import read_time
from common.images.metadata_limits import INTEGER_MAX, TAGS_MAX
from common.rfc3339 import EPOCH, MILLISECOND
from worker.stores.circle import box_around
from worker.stores.metadata_keys import stored_key

_COMPARISONS = {"eq": "==", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# Fields with a different name in Milvus.
_FIELDS = {"filename": "filepath"}

# The characters before and after the surrogates, which no text contains.
_BEFORE_SURROGATES, _AFTER_SURROGATES = 0xD7FF, 0xE000


def expression(tenant: str, wanted: Filter | None = None, *, lite: bool = False) -> str:
    """Return the expression for a tenant's rows that match a filter.

    The tenant's condition comes first, joined to all others by ``and``.

    Args:
        tenant: The rows' owner.
        wanted: The filter.
        lite: Whether it is for Milvus Lite, which does not support ``not``.
    """
    own = f"tenant == {literal(tenant)}"
    parts = [] if wanted is None else _conditions(wanted, lite=lite)
    return f"{own} and {joined('and', parts)}" if parts else own


def other_than(ids: Sequence[str]) -> str:
    """Return the expression for images with none of these ids."""
    return f"image_id not in [{_listed(ids)}]"


def ids_with(prefix: str) -> str:
    """Return the expression for all tenants' rows whose image ids begin with hexadecimal digits."""
    # No digit sorts after "f".
    return f'image_id >= "{prefix}" and image_id < "{prefix}g"'


def joined(operator: str, parts: Sequence[str]) -> str:
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


def _escaped(text: str) -> str:
    # Every Milvus supports these two escapes; Lite drops the backslash of all others.
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _is_whole(number: float) -> bool:
    return isinstance(number, int) or (number.is_integer() and abs(number) <= INTEGER_MAX)


def _conditions(wanted: Filter, *, lite: bool) -> list[str]:
    """Return expressions, to be joined by ``and``."""
    parts = []
    for name in ("width", "height", "bytes", "format", "filename"):
        condition = getattr(wanted, name)
        if condition is not None:
            parts += _plain(_FIELDS.get(name, name), condition.operands)
    if wanted.tags is not None:
        parts += _tags(wanted.tags, lite=lite)
    if wanted.indexed_at is not None:
        parts += _moment("indexed_at", wanted.indexed_at.operands)
    if wanted.taken_at is not None:
        parts += _moment("taken_at", wanted.taken_at.operands)
    if wanted.camera is not None:
        parts += _plain("camera", wanted.camera.folded)
    if wanted.near is not None:
        parts += _box(wanted.near)
    for key, own in wanted.metadata.items():
        parts += _own(key, own)
    return parts


def _plain(field: str, operands: Mapping[str, Any]) -> list[str]:
    parts = []
    for operator, operand in operands.items():
        if operator == "in":
            parts.append(f"{field} in [{_listed(operand)}]")
        elif operator == "prefix":
            parts += _begins(field, operand)
        else:
            parts.append(f"{field} {_COMPARISONS[operator]} {literal(operand)}")
    return parts


def _begins(field: str, prefix: str) -> list[str]:
    """Return the range of texts with a prefix; a pattern would interpret its wildcards."""
    parts = [f"{field} >= {literal(prefix)}"]
    rest = prefix.rstrip(chr(sys.maxunicode))
    if rest:
        parts.append(f"{field} < {literal(rest[:-1] + _next(rest[-1]))}")
    return parts


def _next(character: str) -> str:
    code = ord(character)
    return chr(_AFTER_SURROGATES if code == _BEFORE_SURROGATES else code + 1)


def _tags(wanted: Tags, *, lite: bool) -> list[str]:
    parts = []
    if wanted.any is not None:
        parts.append(f"array_contains_any(tags, [{_listed(wanted.any)}])")
    if wanted.all is not None:
        parts.append(f"array_contains_all(tags, [{_listed(wanted.all)}])")
    if wanted.none is not None:
        values = _listed(wanted.none)
        # Without ``not``, compare as many tags of a row as an upload may have.
        without = _each_other(values, 0, TAGS_MAX + 1)
        parts.append(without if lite else f"not array_contains_any(tags, [{values}])")
    return parts


def _each_other(values: str, first: int, end: int) -> str:
    """Return an expression, without ``not``, that none of a row's tags is among the values.

    It is true for rows with at least ``first`` and fewer than ``end`` tags, and ignores
    the tags before ``first``. In Milvus Lite, comparing a missing tag is false, and the
    number of tags can only be compared for equality.
    """
    if end - first == 1:
        return f"array_length(tags) == {first}"
    middle = (first + end) // 2
    others = joined("and", [f"tags[{at}] not in [{values}]" for at in range(first, middle)])
    few, more = _each_other(values, first, middle), _each_other(values, middle, end)
    return f"({few} or ({others} and {more}))"


def _moment(field: str, operands: Mapping[str, str]) -> list[str]:
    """Compare in milliseconds, the precision of rows; operands may be more precise."""
    parts = []
    for operator, text in operands.items():
        since = read_time(text) - EPOCH
        # Rounded down or up, so that the result is the same as for the exact time.
        bound = since // MILLISECOND if operator in ("gt", "lte") else -(-since // MILLISECOND)
        parts.append(f"{field} {_COMPARISONS[operator]} {bound}")
    return parts


def _box(circle: Near) -> list[str]:
    """Return the box around a circle; ``worker.stores.milvus.near`` does the rest."""
    box = box_around(circle)
    across = [_between("longitude", sides) for sides in box.longitudes]
    return [_between("latitude", box.latitudes), joined("or", across)]


def _between(field: str, sides: tuple[float, float]) -> str:
    low, high = map(literal, sides)
    return f"({field} >= {low} and {field} <= {high})"


def _own(key: str, condition: Own) -> list[str]:
    field = f'metadata["{stored_key(key)}"]'
    parts = []
    for operator, operand in condition.operands.items():
        if operator == "in":
            # Milvus does not accept lists of mixed types.
            parts.append(joined("or", [f"{field} == {literal(value)}" for value in operand]))
        else:
            parts.append(f"{field} {_COMPARISONS[operator]} {literal(operand)}")
    return parts


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(literal(value) for value in values)
