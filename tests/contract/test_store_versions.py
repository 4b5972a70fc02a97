"""Contract tests for the versions of rows, by which a migration compares collections."""

from __future__ import annotations

from dataclasses import replace

from common.rfc3339 import milliseconds
from tests.support.store_clients import many, row
from worker.stores.base import VectorStore, Version


def test_versions_are_those_of_all_tenants(store: VectorStore) -> None:
    mine = row("a")
    other = replace(mine, tenant="acme", job_id="job-2")
    store.upsert([mine, other])
    at = milliseconds(mine.record.indexed_at)
    assert store.versions("", 10) == {
        ("default", mine.record.id): Version("job-1", at),
        ("acme", mine.record.id): Version("job-2", at),
    }


def test_slices_have_every_row_once(store: VectorStore) -> None:
    rows = many(40)
    store.upsert(rows)
    slices = [store.versions(digit, 40) for digit in "0123456789abcdef"]
    keys = [key for found in slices if found is not None for key in found]
    assert sorted(keys) == sorted((each.tenant, each.record.id) for each in rows)
    one = rows[0].record.id
    assert list(store.versions(one, 1) or ()) == [("default", one)]
    assert list(store.versions(one[:10], 1) or ()) == [("default", one)]


def test_too_many_versions_are_none(store: VectorStore) -> None:
    store.upsert(many(5))
    assert store.versions("", 4) is None
    assert len(store.versions("", 5) or ()) == 5


def test_a_replaced_row_has_another_version(store: VectorStore) -> None:
    store.upsert([row("a")])
    before = store.versions("", 1)
    store.upsert([replace(row("a"), job_id="job-2")])
    assert store.versions("", 1) != before
