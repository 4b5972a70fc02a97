"""Filters: their validation, their meaning, and the quoting of values in Milvus expressions."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from common.contract import ImageRecord, SearchRequest, Term, dump
from common.filters.model import Filter
from tests.support.filters import ASKED, BREAKOUTS, KEYS, NAMES, filters, records
from worker.stores.matching import matches
from worker.stores.metadata_keys import own_key, stored_key
from worker.stores.milvus.filter import expression, joined, literal

RECORD = ImageRecord(
    id="a" * 64,
    filename="holiday/dog.jpg",
    bytes=1000,
    width=640,
    height=480,
    format="JPEG",
    tags=["dog", "white"],
    metadata={"album": "x", "stars": 4, "share": 0.5, "mine": True, "a.b": "dotted"},
    indexed_at="2026-01-31T12:00:00.125Z",
)
RECORDS = records(60)


def wanted(**asked: Any) -> Filter:
    return Filter.model_validate(asked)


@pytest.mark.parametrize(
    ("asked", "meets"),
    [
        ({}, True),
        ({"tags": {"any": ["cat", "dog"]}}, True),
        ({"tags": {"any": ["cat"]}}, False),
        ({"tags": {"any": ["Dog"]}}, False),
        ({"tags": {"all": ["dog", "white"]}}, True),
        ({"tags": {"all": ["dog", "cat"]}}, False),
        ({"tags": {"none": ["cat"]}}, True),
        ({"tags": {"none": ["cat", "dog"]}}, False),
        ({"width": 640}, True),
        ({"width": {"gte": 640}, "height": {"lt": 480}}, False),
        ({"width": {"gt": 100, "lte": 640}}, True),
        ({"bytes": {"in": [1, 1000]}}, True),
        ({"format": "jpeg"}, True),
        ({"format": {"in": ["PNG", "GIF"]}}, False),
        ({"filename": "holiday/dog.jpg"}, True),
        ({"filename": {"prefix": "holiday/"}}, True),
        ({"filename": {"prefix": "dog"}}, False),
        ({"indexed_at": {"gte": "2026-01-31T13:00:00.125+01:00"}}, True),
        ({"indexed_at": {"gt": "2026-01-31T12:00:00.125Z"}}, False),
        ({"indexed_at": {"gt": "2026-01-31T12:00:00.1249Z"}}, True),
        ({"metadata.album": "x"}, True),
        ({"metadata.a.b": "dotted"}, True),
        ({"metadata.absent": "x"}, False),
        ({"metadata.stars": 4.0}, True),
        ({"metadata.stars": "4"}, False),
        ({"metadata.stars": {"gt": "3"}}, False),
        ({"metadata.stars": {"gt": 3.5}}, True),
        ({"metadata.mine": True}, True),
        ({"metadata.mine": 1}, False),
        ({"metadata.share": {"in": ["x", 0.5]}}, True),
        ({"metadata.album": {"gte": "w", "lt": "y"}}, True),
    ],
)
def test_a_filter_means_what_it_says(asked: dict[str, Any], meets: bool) -> None:
    assert matches(wanted(**asked), RECORD) is meets


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"colour": "red"}, ("colour",)),
        ({"Width": 5}, ("Width",)),
        ({"tenant": "other"}, ("tenant",)),
        ({"tags": ["dog"]}, ("tags",)),
        ({"tags": {}}, ("tags",)),
        ({"tags": {"any": []}}, ("tags", "any")),
        ({"tags": {"any": [5]}}, ("tags", "any", 0)),
        ({"tags": {"some": ["dog"]}}, ("tags", "some")),
        ({"tags": {"any": ["\ud800"]}}, ("tags", "any", 0)),
        ({"tags": {"any": ["x"] * 101}}, ("tags", "any")),
        ({"tags": {"none": ["two\nlines"]}}, ("tags", "none", 0)),
        ({"metadata.album": "two\rlines"}, ("metadata", "album", "eq")),
        ({"filename": {"prefix": "a\tb"}}, ("filename", "prefix")),
        ({"width": "640"}, ("width", "eq")),
        ({"width": True}, ("width", "eq")),
        ({"width": 1.5}, ("width", "eq")),
        ({"width": {"ge": 1}}, ("width", "ge")),
        ({"width": {"gte": 2**53 + 1}}, ("width", "gte")),
        ({"format": "svg"}, ("format", "eq")),
        ({"filename": {"prefix": ""}}, ("filename", "prefix")),
        ({"filename": {"gt": "a"}}, ("filename", "gt")),
        ({"indexed_at": "2026-01-31T12:00:00Z"}, ("indexed_at",)),
        ({"indexed_at": {"gte": "yesterday"}}, ("indexed_at", "gte")),
        ({"indexed_at": {"gte": "2026-01-31T12:00:00"}}, ("indexed_at", "gte")),
        ({"indexed_at": {"gte": "2026-02-31T12:00:00Z"}}, ("indexed_at", "gte")),
        ({"metadata.": "x"}, ("metadata", "", "[key]")),
        ({"metadata.album": None}, ("metadata", "album", "eq")),
        ({"metadata.album": [1]}, ("metadata", "album", "eq")),
        ({"metadata.album": {"like": "x"}}, ("metadata", "album", "like")),
        ({"metadata.album": {"gt": True}}, ("metadata", "album", "gt")),
        ({"metadata.album": {"in": [1, None]}}, ("metadata", "album", "in", 1)),
        ({"metadata.album": float("inf")}, ("metadata", "album", "eq")),
        ({"metadata.album": "x" * 1025}, ("metadata", "album", "eq")),
        ({f"metadata.{number}": 1 for number in range(17)}, ("metadata",)),
        ({"metadata": {"album": "x"}}, ()),
        ({"metadata.album": {"in": ["x" * 1000] * 70}}, ()),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    asked: dict[str, Any], field: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        wanted(**asked)
    assert refused.value.errors()[0]["loc"] == field


@given(filters())
def test_a_filter_comes_through_the_queue_as_it_was(asked: Filter) -> None:
    request = SearchRequest(terms=[Term(text="x")], filter=asked)
    sent = json.loads(json.dumps(dump(request)))
    assert SearchRequest.model_validate(sent) == request


@given(filters())
def test_conditions_hold_together(asked: Filter) -> None:
    alone = [Filter.model_validate({name: each}) for name, each in dump_of(asked).items()]
    for record in RECORDS:
        assert matches(asked, record) == all(matches(each, record) for each in alone)


def dump_of(asked: Filter) -> dict[str, Any]:
    return asked.model_dump(mode="json")


# A string literal in Milvus's grammar: it ends at the first quote without a backslash before it.
_TEXT = re.compile(r'"(?:[^"\\\r\n]|\\["\\])*"')
# Everything allowed outside of literals: names, numbers, operators and brackets.
_BARE = re.compile(r"[\w\s.()\[\],=<>+-]*", re.ASCII)


@settings(max_examples=300)
@given(filters(), st.sampled_from(NAMES), st.booleans())
def test_no_value_gets_out_of_its_quotes(asked: Filter, tenant: str, lite: bool) -> None:
    written = expression(tenant, asked, lite=lite)
    assert written.startswith(f"tenant == {literal(tenant)}")
    assert _BARE.fullmatch(_TEXT.sub("", written)), written
    outside = _TEXT.sub('""', written)
    # One `or` for each further value of a list, and none from inside a value.
    lists = (each.operands.get("in", [None]) for each in asked.metadata.values())
    without_not = 64 if lite and asked.tags and asked.tags.none else 0
    assert outside.count(" or ") == sum(len(values) - 1 for values in lists) + without_not
    assert outside.count("tenant") == 1


@given(filters(), st.booleans())
def test_the_tenant_holds_together_with_all_else(asked: Filter, lite: bool) -> None:
    outside = _TEXT.sub('""', expression("mine", asked, lite=lite))
    first, _, rest = outside.partition(" and ")
    assert first == 'tenant == ""'
    # The rest is one condition, or a pair of brackets that closes at the very end.
    depths = list(itertools.accumulate({"(": 1, ")": -1}.get(each, 0) for each in rest))
    assert not rest.startswith("(") or depths.index(0) == len(rest) - 1
    assert rest.startswith("(") or (" or " not in rest and " and " not in rest)


@pytest.mark.parametrize("count", range(1, 301, 13))
def test_a_long_chain_is_a_shallow_tree(count: int) -> None:
    written = joined("and", [f"x{number}" for number in range(count)])
    assert re.findall(r"x\d+", written) == [f"x{number}" for number in range(count)]
    depths = itertools.accumulate({"(": 1, ")": -1}.get(each, 0) for each in written)
    assert max(depths) <= max(1, (count - 1).bit_length())


@pytest.mark.parametrize("text", [text for text in ASKED if text in BREAKOUTS])
def test_a_literal_is_one_text(text: str) -> None:
    assert _TEXT.fullmatch(literal(text))


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(KEYS))
def test_a_metadata_key_is_kept_as_plain_letters_and_read_back(key: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.%-]+", stored_key(key))
    assert own_key(stored_key(key)) == key


@given(st.text(), st.text())
def test_no_two_metadata_keys_are_kept_as_one(one: str, other: str) -> None:
    try:
        kept = stored_key(one), stored_key(other)
    except UnicodeEncodeError:
        return
    assert (kept[0] == kept[1]) == (one == other)
