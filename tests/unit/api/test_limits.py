"""Rate limits of a key's requests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from common.errors import InvalidSettings
from common.keys.token import issue
from common.settings import load_settings
from tests.support.inline import Inline, start_inline


@pytest.fixture
def limited() -> Iterator[Inline]:
    inline = start_inline(load_settings({"GLIMPSE_RATE_LIMIT": "3/day"}), workers=False)
    yield inline
    inline.close()


def key(inline: Inline) -> dict[str, str]:
    token, made = issue("acme", "test", ["read"], time.time())
    inline.keys.add(made)
    return {"Authorization": f"Bearer {token.text}"}


def statuses(client: FlaskClient, count: int, headers: dict[str, str]) -> list[int]:
    return [client.get("/v1/jobs", headers=headers).status_code for _ in range(count)]


def test_past_its_rate_a_key_is_sent_away(limited: Inline) -> None:
    client, headers = limited.app.test_client(), key(limited)
    assert statuses(client, 4, headers) == [200, 200, 200, 429]
    response = client.get("/v1/dead-letters", headers=headers)
    assert (response.status_code, response.mimetype) == (429, "application/problem+json")
    assert response.get_json()["code"] == "rate_limited"
    assert 1 <= int(response.headers["Retry-After"]) <= 86_400


def test_another_key_of_the_tenant_has_a_count_of_its_own(limited: Inline) -> None:
    client = limited.app.test_client()
    assert statuses(client, 4, key(limited))[-1] == 429
    assert statuses(client, 1, key(limited)) == [200]


def test_without_keys_addresses_are_counted(limited: Inline) -> None:
    client = limited.app.test_client()
    assert statuses(client, 4, {}) == [200, 200, 200, 429]
    other = client.get("/v1/jobs", environ_overrides={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/metrics", "/nowhere"])
def test_what_asks_for_no_key_is_not_counted(limited: Inline, path: str) -> None:
    client = limited.app.test_client()
    assert {client.get(path).status_code for _ in range(5)}.isdisjoint({429, 500})


def test_a_wrong_key_counts_for_nobody(limited: Inline) -> None:
    client, headers = limited.app.test_client(), key(limited)
    assert statuses(client, 5, {"Authorization": "Bearer x"}) == [401] * 5
    assert statuses(client, 1, headers) == [200]


def test_without_a_rate_there_is_no_bound(inline: Inline) -> None:
    client = inline.app.test_client()
    assert set(statuses(client, 50, {})) == {200}


@pytest.mark.parametrize(
    "rate", ["3", "0/minute", "x/minute", "3/year", "3/minute;4/hour", "-1/day"]
)
def test_what_is_no_rate_is_refused(rate: str) -> None:
    with pytest.raises(InvalidSettings, match="GLIMPSE_RATE_LIMIT"):
        load_settings({"GLIMPSE_RATE_LIMIT": rate})
