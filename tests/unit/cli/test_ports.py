"""Addresses to listen on: free ports, ports in use, and hosts other than loopback."""

from __future__ import annotations

import socket

import pytest

from cli.errors import OpenService, PortBusy
from cli.stack import ports


def test_a_port_in_use_is_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortBusy, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            ports.claim("127.0.0.1", port)
    assert ports.claim("127.0.0.1", port) == port


def test_a_host_that_is_none_of_this_machine_is_refused() -> None:
    # 192.0.2.0/24 is reserved for documentation (RFC 5737).
    with pytest.raises(PortBusy, match=r"192\.0\.2\.1:8000"):
        ports.claim("192.0.2.1", 8000)


def test_port_0_takes_a_free_one() -> None:
    port = ports.claim("127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", port)):
        assert port > 0


def test_free_ports_are_different() -> None:
    assert len(set(ports.free_ports(20))) == 20


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_open_to_this_machine_alone(host: str) -> None:
    ports.require_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_any_other_address_is_refused(host: str) -> None:
    with pytest.raises(OpenService, match="--allow-open"):
        ports.require_loopback(host)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
    ],
)
def test_the_address_shown_is_one_to_connect_to(host: str, url: str) -> None:
    assert ports.url_of(host, 80) == url
