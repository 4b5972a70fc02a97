"""URLs of receivers, the addresses that may be reached, and signatures."""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from common.redis.scripts import read_script
from common.webhooks.base import LISTED_MAX
from common.webhooks.networks import is_allowed, read_address
from common.webhooks.signing import make_secret, signed_headers
from common.webhooks.url import Endpoint, redirected

# None of these is public.
PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.9", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1"),
    *("fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
    # IPv4 addresses within IPv6: mapped, compatible, translated, 6to4, Teredo.
    *(
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::ffff:0:10.0.0.1",
    ),
    *("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1"),
    *("2001::1", "2001:0:7f00:1::"),
]
PUBLIC = [
    *("8.8.8.8", "93.184.215.14", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1111"),
    *("2a00:1450:4001:800::200e",),
]


@pytest.mark.parametrize("text", PRIVATE)
def test_no_private_address_is_reached(text: str) -> None:
    address = read_address(text)
    assert address is not None
    assert not is_allowed(address)


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_reached(text: str) -> None:
    address = read_address(text)
    assert address is not None
    assert is_allowed(address)


def test_the_operator_allows_networks() -> None:
    allowed = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    for text, expected in [
        *(("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("10.2.0.1", False)),
        *(("fd00::1", True), ("fc00::1", False), ("8.8.8.8", True)),
    ]:
        address = read_address(text)
        assert address is not None
        assert is_allowed(address, allowed) is expected, text


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_as_public_in_ipv6(address: object) -> None:
    plain, mapped, translated = (
        read_address(f"{prefix}{address}") for prefix in ("", "::ffff:", "64:ff9b::")
    )
    assert plain is not None
    assert translated is not None
    assert mapped == plain
    assert is_allowed(translated) is is_allowed(plain)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://example.com", "example.com", 80, "/"),
        ("https://Example.com:8443/a?b=c", "example.com", 8443, "/a?b=c"),
        ("https://xn--bcher-kva.example/%C3%A4", "xn--bcher-kva.example", 443, "/%C3%A4"),
        ("http://[2606:4700::1111]:99?x", "2606:4700::1111", 99, "/?x"),
    ],
)
def test_a_url_says_where_a_request_goes(url: str, host: str, port: int, target: str) -> None:
    endpoint = Endpoint.of(url)
    assert (endpoint.host, endpoint.port, endpoint.target) == (host, port, target)


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com", "file:///etc/passwd", "http://", "http:///x"),
        *("http://user@example.com", "http://user:password@example.com", "http://a\\@b.example"),
        *("http://example.com/#fragment", "http://example.com:0/", "http://example.com:99999/"),
        *("http://bücher.example", "http://exa mple.com", "http://example.com/\r\nX: y"),
        *("http://[::1", "http://[fe80::1%25eth0]/", "http://.example.com", "HTTP//example.com"),
        "http://example.com/" + "a" * 2000,
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"give|leave out"):
        Endpoint.of(url)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.com{text}"):
        try:
            endpoint = Endpoint.of(url)
        except ValueError:
            continue
        assert endpoint.target.isascii()
        assert not set(endpoint.host + endpoint.target) & set(" \r\n\t\\")


def test_a_redirect_stays_encrypted() -> None:
    assert redirected("http://a.example/x", "https://b.example/y") == "https://b.example/y"
    assert redirected("https://a.example/x/y", "../z") == "https://a.example/z"
    with pytest.raises(ValueError, match="from https to http"):
        redirected("https://a.example/x", "http://a.example/x")
    with pytest.raises(ValueError, match="give a URL"):
        redirected("https://a.example/x", "ftp://a.example/x")


def test_an_independent_implementation_verifies_a_signature() -> None:
    new, old = make_secret(), make_secret()
    body, now = b'{"type": "job.finished"}', int(time.time())
    headers = signed_headers("f" * 32, now, body, [new, old])
    for secret in (new, old):
        assert Webhook(secret).verify(body, headers) == {"type": "job.finished"}
    for wrong in (
        *((make_secret(), body, headers), (new, body + b" ", headers)),
        (new, body, headers | {"webhook-id": "e" * 32}),
        (new, body, headers | {"webhook-timestamp": str(now + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(wrong[0]).verify(*wrong[1:])


def test_the_script_lists_as_many_deliveries_as_python() -> None:
    script = read_script("common/webhooks/lua/_announce.lua")
    assert f"0, -{LISTED_MAX + 1})" in script
