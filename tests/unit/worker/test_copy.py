"""Copying a collection to another one, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from common.errors import CopyDiffers, StoreUnavailable
from common.images.photo_info import PhotoInfo
from tests.support.store_clients import image_id, row, unit
from worker.stores import copy as module
from worker.stores.base import Row
from worker.stores.copy import Copy, Pass
from worker.stores.memory import MemoryStore

IDS = [image_id(f"image {number}") for number in range(60)]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VERSIONS_MAX", 5)
    monkeypatch.setattr(module, "_ROWS_MAX", 2)


@pytest.fixture
def source() -> MemoryStore:
    store = MemoryStore()
    store.upsert([of(number) for number in range(60)])
    store.upsert([replace(of(number), tenant="acme") for number in range(10)])
    return store


def of(number: int, job_id: str = "job-1") -> Row:
    photo = PhotoInfo(taken_at="2024-05-01T12:00:00", keywords=["sea"]) if number % 2 else None
    return replace(row(f"image {number}", number, tags=["holiday"], photo=photo), job_id=job_id)


def run(source: MemoryStore, target: MemoryStore) -> Pass:
    return Copy(source, target, lambda _: None).run()


def same(one: MemoryStore, other: MemoryStore) -> bool:
    def rows(store: MemoryStore) -> dict[str, list[tuple[object, ...]]]:
        return {
            tenant: sorted(
                (each.record.id, each.job_id, str(each.record), tuple(each.vector.tolist()))
                for each in store.rows(tenant, IDS).values()
            )
            for tenant in ("default", "acme")
        }

    return rows(one) == rows(other)


class Interrupted(MemoryStore):
    """A store that calls a function once, before it has written some rows."""

    def __init__(self, then: Callable[[], None], after: int = 20) -> None:
        super().__init__()
        self._then: Callable[[], None] | None = then
        self._after = after

    def upsert(self, rows: Sequence[Row]) -> None:
        if self._then is not None and self.count() >= self._after:
            then, self._then = self._then, None
            then()
        super().upsert(rows)


def test_every_tenants_rows_are_copied_as_they_are(source: MemoryStore) -> None:
    target, seen = MemoryStore(), list[int]()
    found = Copy(source, target, seen.append).run()
    assert (found.rows, found.copied, found.deleted) == (70, 70, 0)
    assert sum(seen) == 70
    assert same(source, target)


def test_a_second_pass_copies_nothing(source: MemoryStore) -> None:
    target = MemoryStore()
    run(source, target)
    assert run(source, target).changes == 0


def test_the_next_pass_finds_what_was_written_replaced_and_deleted(source: MemoryStore) -> None:
    target = MemoryStore()
    run(source, target)
    source.upsert([row("new"), of(3, "job-2")])
    source.delete("default", IDS[10:14])
    found = run(source, target)
    assert (found.copied, found.deleted) == (2, 4)
    assert same(source, target)
    assert target.known("default", [IDS[3], image_id("new")]) == {
        IDS[3]: "job-2",
        image_id("new"): "job-1",
    }


def test_an_interrupted_copy_resumes(source: MemoryStore) -> None:
    def fail() -> None:
        raise StoreUnavailable("cut")

    target = Interrupted(fail)
    with pytest.raises(StoreUnavailable):
        run(source, target)
    already = target.count()
    assert 0 < already < 70
    assert run(source, target).copied == 70 - already
    assert same(source, target)


def test_a_row_deleted_while_it_is_copied_is_gone_after_the_next_pass(source: MemoryStore) -> None:
    target = Interrupted(lambda: source.delete("default", IDS) and None)
    run(source, target)
    assert run(source, target).deleted > 0
    assert target.count() == source.count() == 10


def test_a_copied_row_is_read_back(source: MemoryStore) -> None:
    class Lossy(MemoryStore):
        def upsert(self, rows: Sequence[Row]) -> None:
            super().upsert([replace(each, vector=unit(99)) for each in rows])

    with pytest.raises(CopyDiffers, match="differs"):
        run(source, Lossy())


def test_a_row_that_is_not_stored_is_noticed(source: MemoryStore) -> None:
    class Deaf(MemoryStore):
        def upsert(self, rows: Sequence[Row]) -> None:
            pass

    with pytest.raises(CopyDiffers, match="missing"):
        run(source, Deaf())


def test_unchanged_rows_are_compared_too(source: MemoryStore) -> None:
    target = MemoryStore()
    run(source, target)

    class Rotten(MemoryStore):
        def rows(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Row]:
            return {
                at: replace(each, vector=unit(99)) for at, each in super().rows(tenant, ids).items()
            }

    with pytest.raises(CopyDiffers):
        run(source, Rotten(None, target._collection))
