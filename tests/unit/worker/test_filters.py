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
from common.images.photo_info import Location, PhotoInfo
from tests.support.filters import ASKED, BREAKOUTS, KEYS, NAMES, filters, nested_filters, records
from worker.stores.circle import box_around
from worker.stores.matching import matches
from worker.stores.metadata_keys import own_key, stored_key
from worker.stores.milvus.definition import Server
from worker.stores.milvus.filter import scope_of
from worker.stores.milvus.syntax import Dialect, joined, literal

RECORD = ImageRecord(
    id="a" * 64,
    filename="holiday/dog.jpg",
    bytes=1000,
    width=640,
    height=480,
    format="JPEG",
    tags=["dog", "white"],
    metadata={"album": "x", "stars": 4, "share": 0.5, "mine": True, "a.b": "dotted"},
    photo=PhotoInfo(
        taken_at="2024-05-01T12:00:00.5+02:00",
        camera="Canon EOS 5D",
        location=Location(latitude=48.137, longitude=11.575),
    ),
    indexed_at="2026-01-31T12:00:00.125Z",
)
WITHOUT_OFFSET = RECORD.model_copy(update={"photo": PhotoInfo(taken_at="2024-05-01T12:00:00")})
WITHOUT_PHOTO = RECORD.model_copy(update={"photo": None})
RECORDS = records(60)
DIALECTS = [Server(name).dialect for name in ("", "v2.3.5", "2.4.1", "2.6.19")]


def wanted(**asked: Any) -> Filter:
    return Filter.model_validate(asked)


def nested(levels: int) -> dict[str, Any]:
    """Return a filter with this many levels."""
    return {"not": nested(levels - 1)} if levels > 1 else {"width": 640}


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
        ({"filename": {"contains": "day/do"}}, True),
        ({"filename": {"contains": "Dog"}}, False),
        ({"filename": {"contains": "%"}}, False),
        ({"filename": {"contains": "d_g"}}, False),
        ({"metadata.a.b": {"contains": "otte"}}, True),
        ({"metadata.a.b": {"contains": "x"}}, False),
        ({"metadata.stars": {"contains": "4"}}, False),
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
        ({"taken_at": {"gte": "2024-05-01T10:00:00.5Z", "lt": "2024-05-01T10:00:01Z"}}, True),
        ({"taken_at": {"gt": "2024-05-01T12:00:00.5+02:00"}}, False),
        ({"camera": "canon eos 5d"}, True),
        ({"camera": {"prefix": "CANON"}}, True),
        ({"camera": {"prefix": "EOS"}}, False),
        ({"camera": {"in": ["Nikon D90", "Canon EOS 5d"]}}, True),
        ({"camera": {"in": ["Canon", "EOS 5D"]}}, False),
        # The centre of Munich is 504 km from the Brandenburg Gate.
        ({"near": {"latitude": 52.516, "longitude": 13.378, "km": 506}}, True),
        ({"near": {"latitude": 52.516, "longitude": 13.378, "km": 502}}, False),
        ({"and": [{"width": 640}, {"height": 480}]}, True),
        ({"and": [{"width": 640}, {"height": 481}]}, False),
        ({"or": [{"width": 641}, {"height": 480}]}, True),
        ({"or": [{"width": 641}, {"height": 481}]}, False),
        ({"or": [{"width": 641}], "height": 480}, False),
        ({"or": [{"width": 640}], "height": 481}, False),
        ({"not": {"width": 641}}, True),
        ({"not": {"width": 640}}, False),
        ({"not": {"width": 640, "height": 481}}, True),
        ({"not": {"tags": {"all": ["dog", "cat"]}}}, True),
        ({"not": {"tags": {"none": ["dog"]}}}, True),
        ({"not": {}}, False),
        ({"or": [{}, {"width": 641}]}, True),
        ({"not": {"or": [{"width": 641}, {"not": {"and": [{"height": 480}]}}]}}, True),
        ({"not": {"metadata.absent": {"gt": 5}}}, True),
        ({"not": {"metadata.stars": {"gt": "3"}}}, True),
        ({"not": {"metadata.stars": {"gt": 3}}}, False),
        ({"not": {"near": {"latitude": 52.516, "longitude": 13.378, "km": 506}}}, False),
        ({"not": {"near": {"latitude": 52.516, "longitude": 13.378, "km": 502}}}, True),
    ],
)
def test_a_filter_means_what_it_says(asked: dict[str, Any], meets: bool) -> None:
    assert matches(wanted(**asked), RECORD) is meets


def test_a_time_without_an_offset_is_utc() -> None:
    asked = {"gte": "2024-05-01T12:00:00Z", "lte": "2024-05-01T12:00:00Z"}
    assert matches(wanted(taken_at=asked), WITHOUT_OFFSET)


@pytest.mark.parametrize(
    "asked",
    [
        {"taken_at": {"lt": "9999-12-31T00:00:00Z"}},
        {"taken_at": {"gt": "0001-01-01T00:00:00Z"}},
        {"camera": {"prefix": "C"}},
        {"near": {"latitude": 0, "longitude": 0, "km": 20_038}},
    ],
)
def test_an_image_without_photo_info_meets_no_condition_on_it(asked: dict[str, Any]) -> None:
    assert matches(wanted(**asked), RECORD)
    assert not matches(wanted(**asked), WITHOUT_PHOTO)
    assert not matches(wanted(**asked), WITHOUT_PHOTO.model_copy(update={"photo": PhotoInfo()}))
    negated = wanted(**{"not": asked})
    assert not matches(negated, RECORD)
    assert matches(negated, WITHOUT_PHOTO)


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
        ({"filename": {"contains": ""}}, ("filename", "contains")),
        ({"filename": {"contains": 5}}, ("filename", "contains")),
        ({"metadata.album": {"contains": "two\nlines"}}, ("metadata", "album", "contains")),
        ({"metadata.album": {"contains": 5}}, ("metadata", "album", "contains")),
        ({"metadata.album": {"contains": ""}}, ("metadata", "album", "contains")),
        ({"indexed_at": "2026-01-31T12:00:00Z"}, ("indexed_at",)),
        ({"indexed_at": {"gte": "yesterday"}}, ("indexed_at", "gte")),
        ({"indexed_at": {"gte": "2026-01-31T12:00:00"}}, ("indexed_at", "gte")),
        ({"indexed_at": {"gte": "2026-02-31T12:00:00Z"}}, ("indexed_at", "gte")),
        ({"taken_at": "2026-01-31"}, ("taken_at",)),
        ({"taken_at": {"gte": "2026-01-31T12:00:00"}}, ("taken_at", "gte")),
        ({"camera": ""}, ("camera", "eq")),
        ({"camera": {"prefix": "two\nlines"}}, ("camera", "prefix")),
        ({"camera": {"eq": "x" * 129}}, ("camera", "eq")),
        ({"near": {}}, ("near", "latitude")),
        ({"near": {"latitude": 48.1, "longitude": 11.5}}, ("near", "km")),
        ({"near": {"latitude": 90.1, "longitude": 0, "km": 1}}, ("near", "latitude")),
        ({"near": {"latitude": 0, "longitude": -181, "km": 1}}, ("near", "longitude")),
        ({"near": {"latitude": 0, "longitude": 0, "km": 0}}, ("near", "km")),
        ({"near": {"latitude": 0, "longitude": 0, "km": 20_039}}, ("near", "km")),
        ({"near": {"latitude": "48", "longitude": 0, "km": 1}}, ("near", "latitude")),
        ({"near": {"latitude": float("nan"), "longitude": 0, "km": 1}}, ("near", "latitude")),
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
        ({"and": []}, ("and",)),
        ({"or": {"width": 1}}, ("or",)),
        ({"or": [{"width": "1"}]}, ("or", 0, "width", "eq")),
        ({"not": [{"width": 1}]}, ("not",)),
        ({"not": {"colour": "red"}}, ("not", "colour")),
        ({"nor": [{"width": 1}]}, ("nor",)),
        ({"all_of": [{"width": 1}]}, ("all_of",)),
        ({"or": [{"width": 1}] * 65}, ("or",)),
        ({"or": [{"width": 1, "height": 1}] * 33}, ()),
        ({"or": [{}] * 63, "width": 1, "height": 1}, ()),
        (nested(9), ()),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    asked: dict[str, Any], field: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        wanted(**asked)
    assert refused.value.errors()[0]["loc"] == field


@pytest.mark.parametrize(
    ("asked", "bound"),
    [
        (nested(9), "8 levels"),
        (nested(500), "8 levels"),
        ({"or": [{"and": [nested(7)]}]}, "8 levels"),
        ({"or": [{"width": 1, "height": 1}] * 33}, "64 conditions"),
        ({"or": [{"metadata.a": "x" * 1024}] * 64, "not": {}}, "64 conditions"),
        ({"or": [{"metadata.a": {"in": ["x" * 1024] * 9}}] * 8}, "65536 bytes"),
    ],
)
def test_a_filter_that_is_too_large_is_refused_by_its_bound(
    asked: dict[str, Any], bound: str
) -> None:
    with pytest.raises(ValidationError, match=bound):
        wanted(**asked)


def test_the_largest_filters_are_accepted() -> None:
    assert matches(wanted(**nested(8)), RECORD) is False
    assert wanted(**{"or": [{"width": 1, "height": 1}] * 32}).size == 64


@given(nested_filters())
def test_a_filter_comes_through_the_queue_as_it_was(asked: Filter) -> None:
    request = SearchRequest(terms=[Term(text="x")], filter=asked)
    sent = json.loads(json.dumps(dump(request)))
    assert SearchRequest.model_validate(sent) == request


@given(nested_filters())
def test_conditions_hold_together(asked: Filter) -> None:
    alone = [Filter.model_validate({name: each}) for name, each in dump_of(asked).items()]
    negated = Filter.model_validate({"not": dump_of(asked)})
    for record in RECORDS:
        assert matches(asked, record) == all(matches(each, record) for each in alone)
        assert matches(negated, record) != matches(asked, record)


def dump_of(asked: Filter) -> dict[str, Any]:
    return asked.model_dump(mode="json")


# A string literal in Milvus's grammar: it ends at the first quote without a backslash before it.
_TEXT = re.compile(r'"(?:[^"\\\r\n]|\\["\\])*"')
# Everything allowed outside of literals: names, numbers, operators and brackets.
_BARE = re.compile(r"[\w\s.()\[\],=<>!+-]*", re.ASCII)


@settings(max_examples=300)
@given(filters(), st.sampled_from(NAMES), st.sampled_from(DIALECTS))
def test_no_value_gets_out_of_its_quotes(asked: Filter, tenant: str, dialect: Dialect) -> None:
    written = scope_of(tenant, asked, dialect).text
    assert written.startswith(f"tenant == {literal(tenant)}")
    assert _BARE.fullmatch(_TEXT.sub("", written)), written
    outside = _TEXT.sub('""', written)
    # One `or` for each further value of a list, and none from inside a value.
    lists = (each.operands.get("in", [None]) for each in asked.metadata.values())
    without_not = 64 if not dialect.has_not and asked.tags and asked.tags.none else 0
    # And one between the two ranges of a circle across the date line.
    across = len(box_around(asked.near).longitudes) - 1 if asked.near else 0
    ors = sum(len(values) - 1 for values in lists) + without_not + across
    assert outside.count(" or ") == ors
    assert outside.count("tenant") == 1


@settings(max_examples=300)
@given(nested_filters(), st.sampled_from(DIALECTS))
def test_no_value_of_a_filter_within_gets_out_of_its_quotes(
    asked: Filter, dialect: Dialect
) -> None:
    written = scope_of("mine", asked, dialect).text
    assert _BARE.fullmatch(_TEXT.sub("", written)), written
    assert _TEXT.sub('""', written).count("tenant") == 1
    # Milvus Lite does not support it.
    assert dialect.has_not or "not (" not in written


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_deepest_filter_is_a_shallow_tree(dialect: Dialect) -> None:
    many = [f"{number:03}" for number in range(100)]
    tags = {"any": many, "all": many, "none": many}
    asked: dict[str, Any] = {"tags": tags, "metadata.a": {"in": many}}
    for level in range(4):
        others = [{"width": level}] * 3
        asked = (
            {"and": [*others, {"or": [*others, asked]}], "height": level}
            if level % 2
            else {"not": asked, "or": others}
        )
    written = scope_of("mine", wanted(**asked), dialect).text
    depths = itertools.accumulate(
        {"(": 1, ")": -1}.get(each, 0) for each in _TEXT.sub('""', written)
    )
    # Two levels of a message for each, of a hundred at most.
    assert max(depths) <= 40


@pytest.mark.parametrize(
    ("text", "negated", "written"),
    [
        ("a dog", False, 'filepath like "%a dog%"'),
        ("a dog", True, '(not (filepath like "%a dog%"))'),
        ("50%_of dogs", False, 'filepath like "%of dogs%"'),
        ("50%_of dogs", True, ""),
        ('"%_', False, ""),
    ],
)
def test_a_part_of_a_name_is_a_pattern_without_wildcards(
    text: str, negated: bool, written: str
) -> None:
    part: dict[str, Any] = {"filename": {"contains": text}}
    scope = scope_of("mine", wanted(**({"not": part} if negated else part)), DIALECTS[2])
    assert scope.text == 'tenant == "mine"' + (f" and {written}" if written else "")
    assert scope.exact == (text == "a dog")


@given(nested_filters(), st.sampled_from(DIALECTS))
def test_the_tenant_holds_together_with_all_else(asked: Filter, dialect: Dialect) -> None:
    outside = _TEXT.sub('""', scope_of("mine", asked, dialect).text)
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
