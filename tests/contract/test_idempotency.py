"""Contract tests for idempotency keys: Valkey, Redis, and memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.idempotency.base import Binding, IdempotencyKeys, Standing, Taking
from api.idempotency.memory import MemoryIdempotency
from api.idempotency.redis import RedisIdempotency
from common.redis.client import connect
from tests.support.polling import wait_for

MakeKeys = Callable[[float], IdempotencyKeys]

BINDING = Binding("fingerprint", "job")
GRANTED = Taking(Standing.GRANTED)
BUSY = Taking(Standing.BUSY)


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def make(request: pytest.FixtureRequest) -> Iterator[MakeKeys]:
    """Makes idempotency keys with leases of the given seconds."""
    if request.param == "memory":
        yield MemoryIdempotency
        return
    client = connect(request.getfixturevalue(request.param).url)
    yield lambda lease_s: RedisIdempotency(client, ttl_s=600, lease_s=lease_s)
    client.close()


@pytest.fixture
def keys(make: MakeKeys) -> IdempotencyKeys:
    return make(600)


@pytest.fixture
def tenant() -> str:
    return uuid.uuid4().hex


def test_a_key_is_its_first_askers(keys: IdempotencyKeys, tenant: str) -> None:
    assert keys.take(tenant, "k", "first") == GRANTED
    assert keys.take(tenant, "k", "second") == BUSY
    assert keys.take(tenant, "k", "first") == GRANTED
    assert keys.take(tenant, "other", "second") == GRANTED


def test_tenants_have_keys_of_their_own(keys: IdempotencyKeys, tenant: str) -> None:
    keys.take(tenant, "k", "first")
    assert keys.take(f"{tenant}2", "k", "second") == GRANTED


def test_a_settled_key_tells_what_it_stands_for(keys: IdempotencyKeys, tenant: str) -> None:
    keys.take(tenant, "k", "first")
    assert keys.bind(tenant, "k", "first", BINDING)
    keys.settle(tenant, "k", "first")
    for owner in ("first", "second"):
        assert keys.take(tenant, "k", owner) == Taking(Standing.SETTLED, BINDING)


def test_a_key_given_back_is_free(keys: IdempotencyKeys, tenant: str) -> None:
    keys.take(tenant, "k", "first")
    keys.give_back(tenant, "k", "first")
    assert keys.take(tenant, "k", "second") == GRANTED


def test_a_binding_outlives_its_owner(keys: IdempotencyKeys, tenant: str) -> None:
    keys.take(tenant, "k", "first")
    keys.bind(tenant, "k", "first", BINDING)
    keys.give_back(tenant, "k", "first")
    assert keys.take(tenant, "k", "second") == Taking(Standing.GRANTED, BINDING)
    other = Binding("other", "another job")
    assert keys.bind(tenant, "k", "second", other)
    keys.settle(tenant, "k", "second")
    assert keys.take(tenant, "k", "third") == Taking(Standing.SETTLED, other)


def test_who_has_not_the_key_changes_nothing(keys: IdempotencyKeys, tenant: str) -> None:
    assert not keys.bind(tenant, "k", "second", BINDING)
    keys.take(tenant, "k", "first")
    assert not keys.bind(tenant, "k", "second", BINDING)
    keys.settle(tenant, "k", "second")
    keys.give_back(tenant, "k", "second")
    assert keys.take(tenant, "k", "second") == BUSY
    assert keys.take(tenant, "k", "first") == GRANTED


def test_the_key_of_a_dead_request_becomes_free(make: MakeKeys, tenant: str) -> None:
    keys = make(0.1)
    keys.take(tenant, "bare", "dead")
    keys.take(tenant, "bound", "dead")
    keys.bind(tenant, "bound", "dead", BINDING)
    wait_for(lambda: keys.take(tenant, "bare", "second") == GRANTED, 30, "the lease's end")
    bound = Taking(Standing.GRANTED, BINDING)
    wait_for(lambda: keys.take(tenant, "bound", "second") == bound, 30, "the lease's end")
    assert not keys.bind(tenant, "bare", "dead", BINDING)


def test_of_many_at_once_one_gets_the_key(keys: IdempotencyKeys, tenant: str) -> None:
    owners = [uuid.uuid4().hex for _ in range(32)]
    with ThreadPoolExecutor(16) as threads:
        taken = list(threads.map(lambda owner: keys.take(tenant, "k", owner), owners))
    assert taken.count(GRANTED) == 1
    assert taken.count(BUSY) == 31
