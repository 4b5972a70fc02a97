"""Addresses of Redis: what a URL means, and which ones are refused."""

from __future__ import annotations

import pytest

from common.errors import InvalidSettings
from common.redis.address import Login, RedisAddress, Tls
from common.settings import load_settings


@pytest.mark.parametrize(
    ("url", "hosts", "primary", "db"),
    [
        ("redis://redis", [("redis", 6379)], None, 0),
        ("rediss://redis:6380/3", [("redis", 6380)], None, 3),
        ("redis://[::1]:7000", [("::1", 7000)], None, 0),
        ("sentinel://a/main", [("a", 26379)], "main", 0),
        ("sentinels://a:1,b,[::1]:2/main/5", [("a", 1), ("b", 26379), ("::1", 2)], "main", 5),
    ],
)
def test_a_url_names_a_server_or_sentinels(
    url: str, hosts: list[tuple[str, int]], primary: str | None, db: int
) -> None:
    address = RedisAddress.parse(url)
    assert (list(address.hosts), address.primary, address.db) == (hosts, primary, db)


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("", Login()),
        (":secret@", Login(None, "secret")),
        ("glimpse:se%40c%2Fret@", Login("glimpse", "se@c/ret")),
    ],
)
def test_a_user_and_a_password_are_decoded(login: str, expected: Login) -> None:
    assert RedisAddress.parse(f"redis://{login}redis").login == expected
    assert RedisAddress.parse(f"sentinel://{login}a,b/main").login == expected


@pytest.mark.parametrize(
    "url",
    [
        "redis://a,b/0",
        "redis://redis/main",
        "redis://redis/-1",
        "redis://redis:70000",
        "redis:///0",
        "redis://redis?ssl_cert_reqs=none",
        "redis://redis#fragment",
        "sentinel://a,b",
        "sentinel://a,,b/main",
        "sentinel://a/main/first",
        "valkey://redis",
        "redis",
    ],
)
def test_other_urls_are_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match=r"such as (redis|sentinel)://"):
        RedisAddress.parse(url)


def test_an_address_is_shown_without_its_password() -> None:
    shown = [
        str(RedisAddress.parse(url))
        for url in (
            "rediss://u:kaleidoscope@host:1/2",
            "redis://[::1]",
            "sentinels://u:kaleidoscope@a,b:1/main",
        )
    ]
    assert shown == [
        "rediss://host:1/2",
        "redis://[::1]:6379/0",
        "sentinels://a:26379,b:1/main/0",
    ]
    login = Login("u", "kaleidoscope")
    address = RedisAddress.parse("sentinel://u:kaleidoscope@a/b", sentinel_login=login)
    assert "kaleidoscope" not in repr(address)


def test_settings_add_certificates_and_the_sentinels_user() -> None:
    settings = {
        "GLIMPSE_REDIS_URL": "sentinels://u:p@a,b/main",
        "GLIMPSE_REDIS_CA": "/ca.pem",
        "GLIMPSE_REDIS_CERT": "/cert.pem",
        "GLIMPSE_REDIS_KEY": "/key.pem",
        "GLIMPSE_REDIS_SENTINEL_USER": "guard",
        "GLIMPSE_REDIS_SENTINEL_PASSWORD": "secret",
    }
    address = load_settings(settings).redis
    assert address.tls == Tls("/ca.pem", "/cert.pem", "/key.pem")
    assert address.login == Login("u", "p")
    assert address.sentinel_login == Login("guard", "secret")
    assert load_settings({}).redis.tls is None


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"CA": "/ca.pem"}, "GLIMPSE_REDIS_CA: .*rediss://"),
        ({"URL": "sentinel://a/b", "CERT": "/c.pem"}, "GLIMPSE_REDIS_CERT: .*sentinels://"),
        ({"URL": "rediss://a", "KEY": "/key.pem"}, "GLIMPSE_REDIS_KEY: .*GLIMPSE_REDIS_CERT"),
    ],
)
def test_certificates_that_would_not_be_used_are_refused(
    settings: dict[str, str], match: str
) -> None:
    with pytest.raises(InvalidSettings, match=match):
        load_settings({f"GLIMPSE_REDIS_{name}": value for name, value in settings.items()})
