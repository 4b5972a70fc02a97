"""Target: filters, from a caller's JSON to the expression for Milvus.

A filter's expression is compared with that of its harmless twin: the same filter with
plain words for all of the caller's strings. Except for string literals, the two
expressions must be identical, and each literal must decode to the caller's string. This
proves that the caller's input is only ever a value.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from common.contract import ImageRecord
from common.filters.model import CameraName, Filter
from tests.fuzz.chances import mostly
from tests.fuzz.literals import split
from tests.fuzz.target import Target
from tests.support.filters import (
    ASKED,
    BREAKOUTS,
    KEYS,
    NUMBERS,
    TIMES,
    VALUES,
    nested_filters,
    records,
)
from worker.stores.matching import matches
from worker.stores.metadata_keys import own_key
from worker.stores.milvus.definition import Server
from worker.stores.milvus.filter import scope_of

# The tenant whose rows are requested; a string of the service's own.
_TENANT = "default"

_DIALECTS = [Server(name).dialect for name in ("", "v2.3.5", "2.4.1", "2.6.19")]

# Rows to match every filter against.
_RECORDS = records(12)

# Fields whose strings are translated or are digits, so that the expression contains none of the
# caller's text.
_OURS = ("id", "format", "indexed_at", "taken_at")

_PREFIX = "metadata."


def check(asked: Any) -> None:
    """Take a filter through every processing step; only validation may reject it.

    Raises:
        AssertionError: Some of the caller's input is more than a value.
    """
    try:
        wanted = Filter.model_validate(asked)
    except ValidationError:
        return
    twin, meant = _twin(wanted)
    for dialect in _DIALECTS:
        bare, texts = split(scope_of(_TENANT, wanted, dialect).text)
        plain_bare, plain_texts = split(scope_of(_TENANT, twin, dialect).text)
        assert bare == plain_bare
        for said, plain in zip(texts, plain_texts, strict=True):
            _check_text(said, plain, meant)
    for record in (*_RECORDS, *_nearest(wanted)):
        assert matches(wanted, record) in (True, False)


def _twin(wanted: Filter) -> tuple[Filter, dict[str, str]]:
    """Return the filter with plain words for strings, and the string that each replaces."""
    numbers, meant = count(), {}

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(each) for each in value]
        # A prefix of only the last code point has no upper bound, so its range has no end.
        if not isinstance(value, str) or not value.strip("\U0010ffff"):
            return value
        word = f"t{next(numbers)}a"
        meant[word] = value
        return word

    return Filter.model_validate(_plain(wanted, plain)), meant


def _plain(wanted: Filter, plain: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, condition in wanted.conditions.items():
        operands = condition.operands
        if name.startswith(_PREFIX):
            name = _PREFIX + plain(name.removeprefix(_PREFIX))
        if isinstance(condition, CameraName):
            # Compared without case.
            operands = condition.folded
        asked[name] = operands if name in _OURS else _each(operands, plain)
    for name, inner in (("and", wanted.all_of), ("or", wanted.any_of)):
        if inner is not None:
            asked[name] = [_plain(each, plain) for each in inner]
    if wanted.negated is not None:
        asked["not"] = _plain(wanted.negated, plain)
    return asked


def _each(operands: dict[str, Any], plain: Any) -> dict[str, Any]:
    # Of ``contains`` only characters without a meaning get into the expression.
    return {
        operator: operand if operator == "contains" else plain(operand)
        for operator, operand in operands.items()
    }


def _check_text(said: str, plain: str, meant: dict[str, str]) -> None:
    """Compare a literal with the twin's literal at the same position."""
    if plain in meant:
        assert meant[plain] in (said, own_key(said))
    elif plain.endswith("b") and f"{plain[:-1]}a" in meant:
        # The upper bound of the range of strings with a prefix.
        assert said > meant[f"{plain[:-1]}a"]
    else:
        assert said == plain


def _nearest(wanted: Filter) -> list[ImageRecord]:
    """Return rows with all of the filter's metadata keys, with values of every type."""
    keys = _keys(wanted)
    base = _RECORDS[0]
    return [
        base.model_copy(update={"metadata": dict.fromkeys(keys, value)})
        for value in ("x", 1, 0.5, True)
    ]


def _keys(wanted: Filter) -> list[str]:
    return [*wanted.metadata, *(key for each in wanted.inner for key in _keys(each))]


def read(data: bytes) -> Any:
    """Make a case from arbitrary bytes, parsed as JSON like a request's body."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


_OPERATORS = [
    *("eq", "in", "gt", "gte", "lt", "lte", "contains"),
    *("any", "all", "none", "prefix", "like"),
]
_NAMES = [
    "id",
    "near",
    "tags",
    "width",
    "height",
    "bytes",
    "format",
    "filename",
    "indexed_at",
    "metadata",
    "camera",
    "and",
    "or",
    "not",
]
_ODD = [
    float("nan"),
    float("inf"),
    -0.0,
    1e308,
    2**53 + 1,
    10**400,
    "\ud800",
    "\x00",
    "",
    "\r",
    "a\nb",
]

_TEXTS = st.sampled_from(["a\rb", "\n", *BREAKOUTS, *ASKED, *TIMES, "PNG", "jpeg"]) | st.text(
    max_size=12
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([*VALUES, *NUMBERS, *_ODD])
    | _TEXTS
)
_OPERANDS = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(_OPERATORS) | _TEXTS, inner, max_size=3)
    ),
    max_leaves=12,
)
_FIELDS = (
    st.sampled_from(_NAMES)
    | st.sampled_from([*KEYS, *BREAKOUTS]).map(_PREFIX.__add__)
    | st.text(max_size=12).map(_PREFIX.__add__)
    | _TEXTS
)
_ANYTHING = st.dictionaries(_FIELDS, _OPERANDS, max_size=4) | _OPERANDS

# Well-formed filters with arbitrary strings and numbers, most of which are accepted.
_LISTS = st.lists(mostly(_TEXTS, _SCALARS), min_size=1, max_size=4)
_CONDITIONS = st.dictionaries(st.sampled_from(_OPERATORS[:7]), _SCALARS, min_size=1, max_size=2)
_SHAPED = st.one_of(
    st.fixed_dictionaries(
        {"tags": st.dictionaries(st.sampled_from(_OPERATORS[7:10]), _LISTS, min_size=1)}
    ),
    st.fixed_dictionaries({"filename": st.fixed_dictionaries({"prefix": _TEXTS}) | _TEXTS}),
    st.fixed_dictionaries({"camera": st.fixed_dictionaries({"prefix": _TEXTS}) | _TEXTS}),
    st.dictionaries(
        (st.sampled_from(KEYS) | _TEXTS).map(_PREFIX.__add__),
        _SCALARS | _CONDITIONS | st.fixed_dictionaries({"in": _LISTS}),
        min_size=1,
        max_size=3,
    ),
)

# Filters within filters, of the above.
_NESTED = st.fixed_dictionaries(
    {},
    optional={
        "and": st.lists(_SHAPED, min_size=1, max_size=3),
        "or": st.lists(_SHAPED, min_size=1, max_size=3),
        "not": st.fixed_dictionaries({"or": st.lists(_SHAPED, min_size=1, max_size=2)}),
    },
)

# Valid filters, each with more conditions than the accepted ones of the above.
_SOUND = nested_filters().map(lambda wanted: wanted.model_dump(mode="json"))


def _merged(parts: list[Any]) -> dict[str, Any]:
    return {name: each for part in parts if isinstance(part, dict) for name, each in part.items()}


def _seeds() -> tuple[bytes, ...]:
    good: list[dict[str, Any]] = [
        {"tags": {"any": ["dog"], "all": ['"'], "none": ["\\"]}},
        {"width": 640, "height": {"gte": 1, "lt": 9}, "bytes": {"in": [1, 2]}},
        {"format": "jpeg", "filename": {"prefix": "a\\", "in": ["x", '" or ""=="']}},
        {"indexed_at": {"gte": "2026-01-31T12:00:00Z", "lt": "2027-01-31T12:00:00.5+01:00"}},
        {"or": [{"width": 1}, {"not": {"tags": {"all": ["a", '"']}}}], "and": [{"camera": "x"}]},
        {"metadata.album": "x", 'metadata."]': {"in": [1, 0.5, True, "y"], "gt": "a"}},
    ]
    return tuple(json.dumps(each).encode() for each in good)


TARGET = Target(
    check=check,
    cases=mostly(_SHAPED, _ANYTHING)
    | st.lists(_SOUND | _SHAPED | _NESTED | _ANYTHING, max_size=4).map(_merged),
    read=read,
    seeds=_seeds(),
)
