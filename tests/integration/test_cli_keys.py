"""`glimpse keys` on a real Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from cli.main import run
from common.keys.redis import RedisKeys
from common.keys.token import Token
from common.redis.client import connect
from tests.support.services import Valkey

CREATE = ["keys", "create", "--tenant", "acme", "--name", "laptop", "--scope", "read"]


@pytest.fixture
def keys(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisKeys]:
    monkeypatch.setenv("GLIMPSE_REDIS_URL", valkey.url)
    names = ("glimpse:keys", "glimpse:keys:revoked", "glimpse:keys:used")
    with connect(valkey.url) as redis:
        redis.delete(*names)
        yield RedisKeys(redis)
        # A leftover key would make other tests' requests need one.
        redis.delete(*names)


def test_a_key_is_made_and_told_once(keys: RedisKeys, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*CREATE, "--scope", "write", "--expires-days", "2"]) == 0
    token = Token.read(capsys.readouterr().out.strip())
    assert token is not None
    key = keys.find(token.key_id)
    assert key is not None
    assert token.opens(key)
    assert (key.tenant, key.name, key.scopes) == ("acme", "laptop", {"read", "write"})
    assert key.expires_at is not None
    assert key.expires_at - key.created_at == pytest.approx(2 * 86_400)
    assert run(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert token.secret not in listed
    assert key.digest not in listed
    assert listed.split("\t")[:4] == [key.id, "acme", "laptop", "read,write"]


def test_the_times_of_a_key_are_by_redis_s_clock(
    keys: RedisKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, day_s = time.time, 86_400
    monkeypatch.setattr(time, "time", lambda: right() + day_s)
    assert run([*CREATE, "--expires-days", "1"]) == 0
    (key,) = keys.all()
    assert key.expires_at is not None
    assert key.created_at < right() + 1
    assert key.expires_at < right() + day_s + 1


def test_a_key_is_revoked(keys: RedisKeys, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CREATE) == 0
    (key,) = keys.all()
    assert run(["keys", "revoke", key.id]) == 0
    capsys.readouterr()
    assert run(["keys", "list"]) == 0
    assert capsys.readouterr().out.endswith("\trevoked\n")
    assert run(["keys", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["keys"]
    assert (listed["id"], listed["tenant"], listed["valid"]) == (key.id, key.tenant, False)
    assert listed["revoked_at"] >= listed["created_at"]
    assert listed["expires_at"] is None
    assert "digest" not in listed
    assert run(["keys", "revoke", "0" * 16]) == 1
    assert "no key" in capsys.readouterr().err


@pytest.mark.usefixtures("keys")
def test_without_keys_the_list_says_that_the_service_is_open(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["keys", "list"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "open" in captured.err
