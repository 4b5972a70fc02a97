"""Contract tests for the record of a reindex: Valkey, Redis, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.redis.client import connect
from common.reindex.base import SLICES, Reindex, Reindexes
from common.reindex.memory import MemoryReindexes
from common.reindex.redis import RedisReindexes

FIRST = Reindex(id="first", model="new", source="old", state="running", started_at=1.0)
KEYS = ("glimpse:reindex", "glimpse:reindex:open", "glimpse:reindex:failures")


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def reindexes(request: pytest.FixtureRequest) -> Iterator[Reindexes]:
    if request.param == "memory":
        yield MemoryReindexes()
        return
    with connect(request.getfixturevalue(request.param).url) as client:
        client.delete(*KEYS)
        yield RedisReindexes(client)
        client.delete(*KEYS)


def current(reindexes: Reindexes) -> Reindex:
    found = reindexes.get()
    assert found is not None
    return found


def test_a_new_reindex_has_all_its_slices_open(reindexes: Reindexes) -> None:
    assert reindexes.get() is None
    assert reindexes.start(FIRST)
    assert reindexes.get() == FIRST
    assert reindexes.is_running("first")
    assert not reindexes.is_running("second")
    assert list(reindexes.open_slices("first")) == list(SLICES)


def test_one_reindex_runs_at_a_time(reindexes: Reindexes) -> None:
    assert reindexes.start(FIRST)
    assert not reindexes.start(FIRST.model_copy(update={"id": "second"}))
    assert reindexes.end(current(reindexes), "cancelled", 2.0)
    assert reindexes.start(FIRST.model_copy(update={"id": "second"}))
    assert current(reindexes).id == "second"


def test_what_is_embedded_and_what_failed_is_counted(reindexes: Reindexes) -> None:
    reindexes.start(FIRST)
    reindexes.note("first", embedded=3, images=10, present=3)
    reindexes.note("first", embedded=2, images=11, present=5)
    reindexes.fail("first", "tenant", "a" * 64, "truncated")
    reindexes.fail("first", "tenant", "a" * 64, "truncated")
    reindexes.fail("first", "tenant", "b" * 64, "truncated")
    found = current(reindexes)
    assert (found.embedded, found.images, found.present, found.failed) == (5, 11, 5, 2)


def test_exactly_one_slice_is_the_last(reindexes: Reindexes) -> None:
    reindexes.start(FIRST)
    with ThreadPoolExecutor(8) as threads:
        # Each twice, as after the death of a worker.
        last = list(threads.map(lambda name: reindexes.slice_done("first", 1, name), SLICES * 2))
    assert sum(last) == 1
    assert current(reindexes).slices_done == len(SLICES)
    assert not reindexes.open_slices("first")


def test_a_pass_is_followed_by_one_other(reindexes: Reindexes) -> None:
    reindexes.start(FIRST)
    reindexes.note("first", embedded=4, images=9, present=4)
    before = current(reindexes)
    with ThreadPoolExecutor(8) as threads:
        begun = list(threads.map(lambda _: reindexes.next_pass(before), range(8)))
    assert sum(begun) == 1
    found = current(reindexes)
    assert (found.number, found.embedded_before, found.images_before) == (2, 4, 9)
    assert len(reindexes.open_slices("first")) == len(SLICES)
    # A task of the first pass is outdated.
    assert not reindexes.slice_done("first", 1, SLICES[0])
    assert len(reindexes.open_slices("first")) == len(SLICES)


def test_an_ended_reindex_no_longer_changes(reindexes: Reindexes) -> None:
    reindexes.start(FIRST)
    running = current(reindexes)
    assert reindexes.end(running, "incomplete", 2.0, "Bytes are missing.")
    ended = current(reindexes)
    assert (ended.state, ended.ended_at, ended.detail) == ("incomplete", 2.0, "Bytes are missing.")
    assert not reindexes.end(running, "complete", 3.0)
    assert not reindexes.next_pass(running)
    assert not reindexes.slice_done("first", 1, SLICES[0])
    reindexes.note("first", embedded=1, images=1, present=1)
    reindexes.fail("first", "tenant", "a" * 64, "truncated")
    assert not reindexes.open_slices("first")
    assert current(reindexes) == ended
