"""Translates conditions on single fields, and their negations, into Milvus expressions.

A row without a field does not meet a condition on it, and so it meets the negation. Where a Milvus
does not agree, or cannot say it, the negation is every row, and the rows found are checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from common.filters.model import CameraName, Condition, Moment, Near, Own, Tags
from common.filters.values import read_time
from common.images.metadata_limits import TAGS_MAX
from common.rfc3339 import EPOCH, MILLISECOND
from worker.stores.circle import Box, box_around, box_within
from worker.stores.metadata_keys import stored_key
from worker.stores.milvus.schema import stored_name
from worker.stores.milvus.syntax import (
    UNKNOWN,
    Dialect,
    Scope,
    combined,
    end_of,
    joined,
    listed,
    literal,
)

# Each operator in Milvus, and its negation.
_COMPARISONS = {
    "eq": ("==", "!="),
    "in": ("in", "not in"),
    "gt": (">", "<="),
    "gte": (">=", "<"),
    "lt": ("<", ">="),
    "lte": ("<=", ">"),
}
# Fields that every row has.
_DECLARED = frozenset({"image_id", "width", "height", "bytes", "format", "filepath", "indexed_at"})

# Characters that stand for themselves in patterns and in literals.
_LITERAL = re.compile(r"""[^%_\\"']+""")


class Conditions:
    """Translates conditions.

    Args:
        negated: Whether to translate their negations.
        dialect: What the Milvus can express.
    """

    def __init__(self, dialect: Dialect, *, negated: bool) -> None:
        self._dialect = dialect
        self._negated = negated

    def scopes(self, name: str, condition: Condition) -> list[Scope]:
        """Return scopes to be combined by ``and``; if they are negated, by ``or``."""
        operands = condition.operands
        match condition:
            case Tags():
                return [self._tags(operator, values) for operator, values in operands.items()]
            case Near():
                return [self._circle(condition)]
            case Own():
                return self._own(f'metadata["{stored_key(name.partition(".")[2])}"]', operands)
            case Moment():
                return [
                    self._compared(name, operator, str(_milliseconds(operator, text)))
                    for operator, text in operands.items()
                ]
            case CameraName():
                return self._plain(name, condition.folded)
            case _:
                return self._plain(stored_name(name), operands)

    def _compared(self, field: str, operator: str, operand: str) -> Scope:
        comparison, opposite = _COMPARISONS[operator]
        if not self._negated:
            return Scope(f"{field} {comparison} {operand}")
        opposes = self._dialect.negates_missing and operator in ("eq", "in")
        if field in _DECLARED or opposes:
            return Scope(f"{field} {opposite} {operand}")
        return self._not_in_json(f"{field} {comparison} {operand}")

    def _not(self, text: str) -> Scope:
        return Scope(f"(not ({text}))") if self._dialect.has_not else UNKNOWN

    def _not_in_json(self, text: str) -> Scope:
        return self._not(text) if self._dialect.negates_missing else UNKNOWN

    def _plain(self, field: str, operands: Mapping[str, Any]) -> list[Scope]:
        scopes = []
        for operator, operand in operands.items():
            if operator == "prefix":
                scopes += self._begins(field, operand)
            elif operator == "contains":
                scopes.append(self._contains(field, operand))
            else:
                written = listed(operand) if operator == "in" else literal(operand)
                scopes.append(self._compared(field, operator, written))
        return scopes

    def _begins(self, field: str, prefix: str) -> list[Scope]:
        """Return the range of texts with a prefix; a pattern would interpret its wildcards."""
        scopes = [self._compared(field, "gte", literal(prefix))]
        end = end_of(prefix)
        if end is not None:
            scopes.append(self._compared(field, "lt", literal(end)))
        return scopes

    def _contains(self, field: str, text: str) -> Scope:
        """Return a pattern of the longest part of a text that no Milvus reads as a wildcard."""
        part = max(_LITERAL.findall(text), key=len, default="")
        if not part or not self._dialect.has_infix:
            return UNKNOWN
        pattern = f"{field} like {literal(f'%{part}%')}"
        if not self._negated:
            return Scope(pattern, exact=part == text)
        if part != text:
            return UNKNOWN
        return self._not(pattern) if field in _DECLARED else self._not_in_json(pattern)

    def _own(self, field: str, operands: Mapping[str, Any]) -> list[Scope]:
        scopes = []
        for operator, operand in operands.items():
            if operator == "in":
                # Milvus does not accept lists of mixed types.
                values = [self._compared(field, "eq", literal(value)) for value in operand]
                scopes.append(combined("and" if self._negated else "or", values))
            elif operator == "contains":
                scopes.append(self._contains(field, operand))
            else:
                scopes.append(self._compared(field, operator, literal(operand)))
        return scopes

    def _tags(self, operator: str, values: list[str]) -> Scope:
        if operator == "all":
            if not self._negated:
                return Scope(f"array_contains_all(tags, {listed(values)})")
            if len(values) > 1:
                return self._not(f"array_contains_all(tags, {listed(values)})")
        if operator == ("none" if self._negated else "any"):
            return Scope(f"array_contains_any(tags, {listed(values)})")
        if not self._dialect.has_not:
            # Without ``not``, compare as many tags of a row as an upload may have.
            without = _each_other(listed(values), 0, TAGS_MAX + 1)
            return Scope(without, depth=2 * TAGS_MAX.bit_length())
        return Scope(f"not array_contains_any(tags, {listed(values)})")

    def _circle(self, circle: Near) -> Scope:
        """Return a box around a circle; if negated, the outside of a box within it."""
        if not self._negated:
            return Scope(_inside(box_around(circle)), exact=False)
        box = box_within(circle)
        outside = UNKNOWN if box is None else self._not_in_json(_inside(box))
        return Scope(outside.text, exact=False)


def _each_other(values: str, first: int, end: int) -> str:
    """Return an expression, without ``not``, that none of a row's tags is among the values.

    It is true for rows with at least ``first`` and fewer than ``end`` tags, and ignores
    the tags before ``first``. In Milvus Lite, comparing a missing tag is false, and the
    number of tags can only be compared for equality.
    """
    if end - first == 1:
        return f"array_length(tags) == {first}"
    middle = (first + end) // 2
    others = joined("and", [f"tags[{at}] not in {values}" for at in range(first, middle)])
    few, more = _each_other(values, first, middle), _each_other(values, middle, end)
    return f"({few} or ({others} and {more}))"


def _milliseconds(operator: str, text: str) -> int:
    """Return a time in milliseconds, the precision of rows; operands may be more precise."""
    since = read_time(text) - EPOCH
    # Rounded down or up, so that the result is the same as for the exact time.
    return since // MILLISECOND if operator in ("gt", "lte") else -(-since // MILLISECOND)


def _inside(box: Box) -> str:
    across = [_between("longitude", sides) for sides in box.longitudes]
    return joined("and", [_between("latitude", box.latitudes), joined("or", across)])


def _between(field: str, sides: tuple[float, float]) -> str:
    low, high = map(literal, sides)
    return f"({field} >= {low} and {field} <= {high})"
