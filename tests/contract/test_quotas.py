"""Contract tests for quotas: Valkey, Redis, and memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.quotas.base import Quota, Quotas
from common.quotas.memory import MemoryQuotas
from common.quotas.redis import RedisQuotas
from common.redis.client import connect

_numbers = itertools.count()


@pytest.fixture(scope="module", params=["memory", "valkey", "redis_server"])
def quotas(request: pytest.FixtureRequest) -> Iterator[Quotas]:
    if request.param == "memory":
        yield MemoryQuotas()
        return
    with connect(request.getfixturevalue(request.param).url) as client:
        client.delete("glimpse:quotas", "glimpse:quotas:counted")
        yield RedisQuotas(client)
        client.delete("glimpse:quotas", "glimpse:quotas:counted")


def tenant_with(quotas: Quotas, images_max: int) -> str:
    """Return a new tenant with a quota, whose rows were counted: none."""
    tenant = f"tenant-{next(_numbers)}"
    quotas.put(tenant, images_max)
    assert quotas.correct(tenant, found(quotas, tenant), 0)
    return tenant


def found(quotas: Quotas, tenant: str) -> Quota:
    quota = quotas.find(tenant)
    assert quota is not None
    return quota


def used(quotas: Quotas, tenant: str) -> int:
    return found(quotas, tenant).used


def test_without_a_quota_everything_is_granted(quotas: Quotas) -> None:
    assert quotas.find("free") is None
    assert quotas.grant("free", ["a", "b"]) == {"a", "b"}
    quotas.settle("free", indexed=["a"], ended=["b"], deleted=["c"])
    assert quotas.find("free") is None


def test_no_more_is_granted_than_the_quota(quotas: Quotas) -> None:
    tenant = tenant_with(quotas, 2)
    assert quotas.grant(tenant, ["a", "b", "c"]) == {"a", "b"}
    assert found(quotas, tenant).is_full
    # What was granted stays granted, however often it is asked for.
    assert quotas.grant(tenant, ["c", "b"]) == {"b"}


def test_a_grant_ends_counted_or_given_back(quotas: Quotas) -> None:
    tenant = tenant_with(quotas, 3)
    quotas.grant(tenant, ["a", "b", "c"])
    for _ in range(2):
        quotas.settle(tenant, indexed=["a"], ended=["b"])
    assert found(quotas, tenant) == Quota(tenant, 3, counted=1, granted=1)


def test_a_deletion_makes_room_whether_or_not_its_grant_was_settled(quotas: Quotas) -> None:
    tenant = tenant_with(quotas, 2)
    quotas.grant(tenant, ["a", "b"])
    quotas.settle(tenant, indexed=["a"])
    quotas.settle(tenant, deleted=["a"])
    assert used(quotas, tenant) == 1
    quotas.settle(tenant, deleted=["b"])
    assert used(quotas, tenant) == 0


def test_a_quota_is_changed_listed_and_removed(quotas: Quotas) -> None:
    tenant = tenant_with(quotas, 1)
    quotas.grant(tenant, ["a"])
    quotas.put(tenant, 5)
    assert found(quotas, tenant) == Quota(tenant, 5, counted=0, granted=1)
    assert found(quotas, tenant) in quotas.all()
    assert tenant in quotas.some(1000)
    assert len(quotas.some(1)) == 1
    quotas.put(tenant, None)
    assert quotas.find(tenant) is None
    assert tenant not in quotas.some(1000)
    quotas.put(tenant, 5)
    assert found(quotas, tenant) == Quota(tenant, 5)


def test_a_count_is_corrected_only_if_nothing_was_counted_meanwhile(quotas: Quotas) -> None:
    tenant = tenant_with(quotas, 5)
    quotas.grant(tenant, ["a", "b"])
    before = found(quotas, tenant)
    assert quotas.granted(tenant, older_s=0) == (["a", "b"], ["a", "b"])
    assert quotas.granted(tenant, older_s=60) == (["a", "b"], [])
    quotas.settle(tenant, indexed=["a"])
    assert not quotas.correct(tenant, before, 4)
    assert used(quotas, tenant) == 2
    assert quotas.correct(tenant, found(quotas, tenant), 4, ["b"])
    assert found(quotas, tenant) == Quota(tenant, 5, counted=4, granted=0)


def test_before_the_first_count_nothing_is_counted(quotas: Quotas) -> None:
    tenant = f"tenant-{next(_numbers)}"
    quotas.put(tenant, 5)
    quotas.grant(tenant, ["a"])
    quotas.settle(tenant, indexed=["a"])
    assert found(quotas, tenant).counted is None


def test_workers_together_grant_no_more_than_the_quota(quotas: Quotas) -> None:
    tenant = tenant_with(quotas, 50)
    chunks = [[f"{chunk}-{n}" for n in range(8)] for chunk in range(20)]
    with ThreadPoolExecutor(8) as workers:
        granted = set().union(*workers.map(lambda ids: quotas.grant(tenant, ids), chunks))
    assert len(granted) == 50 == used(quotas, tenant)


IDS = st.sampled_from("abcdef")
STEPS = st.lists(st.tuples(st.sampled_from(["ingest", "fail", "die", "delete"]), IDS), max_size=30)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, images_max=st.integers(0, 5))
def test_what_is_used_is_what_is_there(
    quotas: Quotas, steps: list[tuple[str, str]], images_max: int
) -> None:
    """Rows and use agree, whatever comes in which order; a dead worker's row counts as a grant."""
    tenant, rows = tenant_with(quotas, images_max), set[str]()
    for step, image_id in steps:
        if step == "delete":
            if image_id in rows:
                rows.remove(image_id)
                quotas.settle(tenant, deleted=[image_id])
        elif image_id in rows:
            # A duplicate; it settles what a worker that died did not.
            quotas.settle(tenant, indexed=[image_id])
        elif quotas.grant(tenant, [image_id]):
            if step != "fail":
                rows.add(image_id)
            if step != "die":
                outcome = "ended" if step == "fail" else "indexed"
                quotas.settle(tenant, **{outcome: [image_id]})
        assert used(quotas, tenant) == len(rows) <= images_max
    quotas.put(tenant, None)
