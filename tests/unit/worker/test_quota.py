"""Quotas in an ingest: what counts, and what an audit corrects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.contract import DEFAULT_TENANT, CatalogRequest
from common.quotas.base import Quota
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.pictures import picture
from worker.ingest.quota import QuotaKeeper

FILES = [picture(colour) for colour in ("red", "green", "blue", "black")]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with worker(Shared()) as bench:
        yield bench


def states(bench: Bench, *files: bytes) -> list[str | None]:
    """Upload files; return each one's code if it failed, else its state."""
    outcomes = bench.run(bench.shared.put(*files)).outcomes
    return [outcome.code or outcome.state for outcome in outcomes]


def used(bench: Bench) -> int:
    quota = bench.shared.quotas.find(DEFAULT_TENANT)
    assert quota is not None
    return quota.used


def test_images_beyond_the_quota_fail_and_duplicates_count_once(bench: Bench) -> None:
    bench.shared.quotas.put(DEFAULT_TENANT, 2)
    assert states(bench, *FILES[:3]) == ["indexed", "indexed", "quota_exceeded"]
    assert states(bench, *FILES[:2]) == ["duplicate", "duplicate"]
    assert (used(bench), bench.shared.store.count(DEFAULT_TENANT)) == (2, 2)
    bench.shared.quotas.put(DEFAULT_TENANT, 3)
    assert states(bench, *FILES) == ["duplicate", "duplicate", "indexed", "quota_exceeded"]


def test_a_bad_picture_and_a_deleted_image_make_room(bench: Bench) -> None:
    bench.shared.quotas.put(DEFAULT_TENANT, 1)
    assert states(bench, b"no picture") == ["not_an_image"]
    assert states(bench, FILES[0]) == ["indexed"]
    (image,), _ = bench.shared.store.page(DEFAULT_TENANT, 1)
    bench.shared.deletion().run(CatalogRequest(ids=[image.id]))
    assert used(bench) == 0
    assert states(bench, FILES[1]) == ["indexed"]


def test_a_redelivered_chunk_counts_once(bench: Bench) -> None:
    bench.shared.quotas.put(DEFAULT_TENANT, 3)
    chunk = bench.shared.put(*FILES[:2])
    bench.run(chunk)
    bench.run(chunk)
    assert used(bench) == 2


def test_images_from_before_the_quota_count(bench: Bench) -> None:
    assert states(bench, *FILES[:2]) == ["indexed", "indexed"]
    bench.shared.quotas.put(DEFAULT_TENANT, 3)
    assert states(bench, *FILES[2:]) == ["indexed", "quota_exceeded"]


def test_another_tenants_images_do_not_count(bench: Bench) -> None:
    bench.shared.quotas.put("acme", 0)
    assert states(bench, FILES[0]) == ["indexed"]


def test_an_audit_counts_what_a_dead_worker_did_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.ingest.quota._STALE_S", 0.0)
    quotas, store = bench.shared.quotas, bench.shared.store
    quotas.put(DEFAULT_TENANT, 5)
    assert states(bench, *FILES[:2]) == ["indexed", "indexed"]
    # One was deleted and not counted, another was granted and never written.
    (image,), _ = store.page(DEFAULT_TENANT, 1)
    store.delete(DEFAULT_TENANT, [image.id])
    quotas.grant(DEFAULT_TENANT, ["f" * 64])
    QuotaKeeper(quotas, store).audit_some()
    assert quotas.find(DEFAULT_TENANT) == Quota(DEFAULT_TENANT, 5, counted=1, granted=0)


def test_an_audit_leaves_recent_grants_alone(bench: Bench) -> None:
    quotas, store = bench.shared.quotas, bench.shared.store
    quotas.put(DEFAULT_TENANT, 5)
    assert states(bench, FILES[0]) == ["indexed"]
    quotas.grant(DEFAULT_TENANT, ["f" * 64])
    QuotaKeeper(quotas, store).audit_some()
    assert quotas.find(DEFAULT_TENANT) == Quota(DEFAULT_TENANT, 5, counted=1, granted=1)
