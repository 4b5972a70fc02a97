"""Contract tests for API keys: Valkey, Redis, and memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from common.keys.base import Key, Keys
from common.keys.memory import MemoryKeys
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect


@pytest.fixture(params=["memory", "valkey", "redis_server"])
def keys(request: pytest.FixtureRequest) -> Iterator[Keys]:
    if request.param == "memory":
        yield MemoryKeys()
        return
    client = connect(request.getfixturevalue(request.param).url)
    # A leftover key would make other suites' requests need one.
    _forget(client)
    yield RedisKeys(client)
    _forget(client)
    client.close()


def _forget(client: Redis) -> None:
    client.delete("glimpse:keys", "glimpse:keys:revoked", "glimpse:keys:used")


def key(now: float = 1_700_000_000.123456, **changes: object) -> Key:
    _, made = issue("acme", "laptop", ["read", "write"], now)
    return made.model_copy(update=changes)


def test_without_keys_there_are_none(keys: Keys) -> None:
    assert not keys.exist()
    assert keys.all() == []
    assert keys.find("0" * 16) is None
    assert not keys.revoke("0" * 16, 1.0)
    keys.note_use("0" * 16, 1.0)
    assert not keys.exist()


def test_a_key_is_kept_whole(keys: Keys) -> None:
    kept = key(expires_at=1_800_000_000.5)
    keys.add(kept)
    assert keys.exist()
    assert keys.find(kept.id) == kept
    assert keys.all() == [kept]


def test_a_revoked_key_stays_listed_and_opens_nothing(keys: Keys) -> None:
    kept = key()
    keys.add(kept)
    assert keys.revoke(kept.id, 1_700_000_100.25)
    found = keys.find(kept.id)
    assert found is not None
    assert found.revoked_at == 1_700_000_100.25
    assert not found.is_valid(1_700_000_050.0)
    assert keys.exist()


def test_the_first_revocation_counts(keys: Keys) -> None:
    kept = key()
    keys.add(kept)
    assert keys.revoke(kept.id, 1.0)
    assert keys.revoke(kept.id, 2.0)
    assert [found.revoked_at for found in keys.all()] == [1.0]


def test_a_use_does_not_undo_a_revocation(keys: Keys) -> None:
    kept = key()
    keys.add(kept)
    keys.revoke(kept.id, 1.0)
    keys.note_use(kept.id, 2.5)
    found = keys.find(kept.id)
    assert found is not None
    assert (found.revoked_at, found.used_at) == (1.0, 2.5)


def test_keys_are_listed_the_newest_first(keys: Keys) -> None:
    made = [key(now=float(number)) for number in range(4)]
    for each in made:
        keys.add(each)
    assert keys.all() == made[::-1]
