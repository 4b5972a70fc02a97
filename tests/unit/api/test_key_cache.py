"""The keys that a process caches, and for how long."""

from __future__ import annotations

import pytest

from api.auth.key_cache import KeyCache
from common.errors import BrokerUnavailable
from common.keys.base import Key
from common.keys.memory import MemoryKeys
from common.keys.token import issue
from tests.support.clock import Clock

FRESH_S = 2.0


def ring(keys: MemoryKeys, clock: Clock) -> KeyCache:
    return KeyCache(keys, FRESH_S, clock.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def key(keys: MemoryKeys) -> Key:
    _, made = issue("acme", "laptop", ["read"], 1_700_000_000.0)
    keys.add(made)
    return made


def test_redis_is_not_asked_for_a_key_that_is_fresh(
    keys: MemoryKeys, key: Key, clock: Clock
) -> None:
    found, asked = ring(keys, clock), keys.calls
    for _ in range(100):
        assert found.find(key.id) == key
    assert keys.calls == asked + 1


def test_a_revocation_acts_when_the_key_is_no_longer_fresh(
    keys: MemoryKeys, key: Key, clock: Clock
) -> None:
    found = ring(keys, clock)
    found.find(key.id)
    keys.revoke(key.id, 1.0)
    clock.sleep(FRESH_S)
    seen = found.find(key.id)
    assert seen is not None
    assert seen.revoked_at == 1.0


def test_a_new_key_works_at_once(keys: MemoryKeys, clock: Clock) -> None:
    _, made = issue("acme", "laptop", ["read"], 1.0)
    found = ring(keys, clock)
    assert found.find(made.id) is None
    keys.add(made)
    assert found.find(made.id) == made


def test_a_key_that_is_no_longer_fresh_opens_nothing_without_redis(
    keys: MemoryKeys, key: Key, clock: Clock
) -> None:
    found = ring(keys, clock)
    found.find(key.id)
    keys.is_down = True
    assert found.find(key.id) == key
    clock.sleep(FRESH_S)
    with pytest.raises(BrokerUnavailable):
        found.find(key.id)


def test_the_first_key_is_seen_within_seconds(keys: MemoryKeys, clock: Clock) -> None:
    found = ring(keys, clock)
    assert not found.exist()
    asked = keys.calls
    assert not found.exist()
    assert keys.calls == asked
    keys.add(issue("acme", "laptop", ["read"], 1.0)[1])
    clock.sleep(FRESH_S)
    assert found.exist()


@pytest.mark.usefixtures("key")
def test_what_was_closed_stays_closed(keys: MemoryKeys, clock: Clock) -> None:
    found = ring(keys, clock)
    assert found.exist()
    # Redis loses all its data.
    vars(keys).update(vars(MemoryKeys()))
    clock.sleep(1000.0)
    assert found.exist()


def test_a_use_is_written_down_once_an_hour(keys: MemoryKeys, key: Key, clock: Clock) -> None:
    found = ring(keys, clock)
    times = []
    for at in (1_700_000_000.0, 1_700_000_010.0, 1_700_003_599.0, 1_700_003_600.0):
        seen = found.find(key.id)
        assert seen is not None
        found.note_use(seen, at)
        times.append(keys.all()[0].used_at)
        clock.sleep(FRESH_S)
    assert times == [1_700_000_000.0] * 3 + [1_700_003_600.0]


def test_a_use_that_cannot_be_written_down_hinders_nothing(
    keys: MemoryKeys, key: Key, clock: Clock
) -> None:
    found = ring(keys, clock)
    found.find(key.id)
    keys.is_down = True
    found.note_use(key, 5.0)
    assert found.find(key.id) is not None
    keys.is_down = False
    assert keys.all()[0].used_at is None
