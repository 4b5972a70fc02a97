"""Filters mean the same in every vector store, and no store returns another tenant's images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from common.filters.model import Filter
from tests.support.filters import ASKED, KEYS, NAMES, filters, nested_filters, records
from tests.support.store_clients import IDENTITY, MemoryClients, MilvusClients, unit
from worker.stores.base import Row, VectorStore
from worker.stores.matching import matches

# Rows per tenant; both tenants have the same ones.
ROWS = 150
RECORDS = records(ROWS)


@pytest.fixture(scope="module", params=["memory", "milvus_lite", "milvus_server"])
def store(request: pytest.FixtureRequest) -> Iterator[VectorStore]:
    """A store with its own collection, which holds images of two tenants."""
    if request.param == "memory":
        clients: MemoryClients | MilvusClients = MemoryClients()
    else:
        clients = MilvusClients(request.getfixturevalue(request.param).uri)
    store = clients.connect(IDENTITY, "images__filtered")
    rows = [Row("default", each, unit(at), "job-1") for at, each in enumerate(RECORDS)]
    store.upsert(rows)
    store.upsert([replace(row, tenant="other") for row in rows])
    yield store
    clients.close()


def found(store: VectorStore, wanted: Filter, tenant: str = "default") -> list[str]:
    hits = store.search(tenant, unit(0), limit=10 * ROWS, wanted=wanted)
    return sorted(hit.id for hit in hits)


def expected(wanted: Filter) -> list[str]:
    return sorted(record.id for record in RECORDS if matches(wanted, record))


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(wanted=filters())
def test_a_filter_finds_what_it_means(store: VectorStore, wanted: Filter) -> None:
    assert found(store, wanted) == expected(wanted)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(wanted=nested_filters())
def test_a_filter_with_filters_within_finds_what_it_means(
    store: VectorStore, wanted: Filter
) -> None:
    assert found(store, wanted) == expected(wanted)


NEGATED: list[dict[str, Any]] = [
    {"tags": {"any": ["dog", '"']}},
    {"tags": {"all": ["dog"]}},
    {"tags": {"all": ["dog", "cat"]}},
    {"tags": {"none": ["dog"]}},
    {"width": {"gte": 63, "lt": 640}},
    {"width": {"in": [1, 2]}},
    {"format": "PNG"},
    {"filename": {"prefix": "do"}},
    {"filename": {"contains": "og"}},
    {"filename": {"contains": "%"}},
    {"metadata.album": {"contains": "o"}},
    {"indexed_at": {"gt": "2026-01-31T12:00:00.1245Z"}},
    {"taken_at": {"lte": "2026-01-31T12:00:00.125Z"}},
    {"camera": "canon"},
    {"camera": {"in": ["canon", "STRASSE"]}},
    {"camera": {"prefix": "c"}},
    {"near": {"latitude": 48.1, "longitude": 11.5, "km": 200}},
    {"near": {"latitude": 0, "longitude": 0, "km": 15_000}},
    {"metadata.album": "dog"},
    {"metadata.album": {"in": ["dog", 1, True]}},
    {"metadata.album": {"gt": ""}},
    {"metadata.album": {"lt": 1}},
    {"metadata.album": True},
    {"metadata.no such key": 1},
    {"near": {"latitude": 0, "longitude": 0, "km": 15_000}, "width": {"gt": 2}},
    {"or": [{"camera": {"prefix": "c"}}, {"metadata.album": {"gt": 0}}, {"height": 1}]},
    {},
]


@pytest.mark.parametrize("asked", NEGATED, ids=str)
def test_a_negation_finds_all_the_others(store: VectorStore, asked: dict[str, Any]) -> None:
    wanted = Filter.model_validate({"not": asked})
    others = sorted({record.id for record in RECORDS} - {*expected(Filter.model_validate(asked))})
    assert found(store, wanted) == others
    within = Filter.model_validate(
        {"or": [{"not": {"not": asked}}, {"width": 1}], "not": {"height": 1}}
    )
    assert found(store, within) == expected(within)
    assert store.count_matching("default", wanted=wanted) in (len(others), None)
    # All pages of a list, which may be short.
    listed, after = store.page("default", 40, wanted=wanted)
    while after is not None:
        more, after = store.page("default", 40, after=after, wanted=wanted)
        listed += more
    assert sorted(record.id for record in listed) == others


@pytest.mark.parametrize("field", ["tags", "filename", "metadata"])
def test_every_odd_text_is_found_as_itself(store: VectorStore, field: str) -> None:
    for text in NAMES if field == "filename" else ASKED:
        asked = {
            "tags": {"tags": {"all": [text]}},
            "filename": {"filename": {"prefix": text}},
            "metadata": {"metadata.album": text},
        }[field]
        wanted = Filter.model_validate(asked)
        assert found(store, wanted) == expected(wanted), text


@pytest.mark.parametrize("key", KEYS)
def test_every_odd_key_is_found_as_itself(store: VectorStore, key: str) -> None:
    for value in ("dog", 1, True, 0.5):
        wanted = Filter.model_validate({f"metadata.{key}": value})
        assert found(store, wanted) == expected(wanted)
    above = Filter.model_validate({f"metadata.{key}": {"gt": ""}})
    assert found(store, above) == expected(above)


@pytest.mark.parametrize("text", NAMES)
def test_a_tenants_name_is_a_value_too(store: VectorStore, text: str) -> None:
    assert found(store, Filter(), tenant=text) == []


def test_a_filter_of_everything_that_may_be_asked_is_taken(store: VectorStore) -> None:
    many = [f"{number:0100}" for number in range(100)]
    own = {f"metadata.{key}": {"in": list(range(-100, 0)), "lt": 0} for key in KEYS[:16]}
    wanted = Filter.model_validate(
        {
            "tags": {"any": many, "all": many, "none": many},
            "width": {"in": list(range(100)), "gte": 0},
            "filename": {"in": many, "prefix": "é" * 1000},
        }
        | own
    )
    assert found(store, wanted) == []


def test_the_deepest_filter_is_taken(store: VectorStore) -> None:
    many = [f"{number:0100}" for number in range(100)]
    tags = {"tags": {"any": many, "none": many}}
    asked: dict[str, Any] = {"or": [{"not": tags}, {"metadata.a": {"in": list(range(100))}}]}
    for level in range(2):
        others = [{"width": level}] * 5
        asked = {"and": [*others, {"or": [*others, asked]}]}
    wanted = Filter.model_validate(asked)
    assert found(store, wanted) == expected(wanted)
