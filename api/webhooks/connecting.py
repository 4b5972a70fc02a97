"""Connections to receivers: to an address that was checked, and to no other."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPSConnection

from common.webhooks.networks import Network, is_allowed, read_address
from common.webhooks.url import Endpoint

# Returns the addresses of a name; raises ``OSError``.
Resolve = Callable[[str, int], Sequence[str]]

# Number of a name's addresses that are tried.
_ADDRESSES_MAX = 4


class NotAllowed(Exception):
    """A name has an address that webhooks may not be sent to."""


class Deadline:
    """The time at which an attempt ends.

    Args:
        seconds: Seconds from now.
    """

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: None are.
        """
        left_s = self._at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, or an address in any spelling as the usual one."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def checked_addresses(
    endpoint: Endpoint, allowed: Sequence[Network], resolve: Resolve
) -> Sequence[str]:
    """Return the addresses of an endpoint, which is resolved once.

    Raises:
        NotAllowed: One of them may not be reached. Then none is, because a public name that has
            such an address is meant to reach it.
        OSError: The name cannot be resolved.
    """
    try:
        found = resolve(endpoint.host, endpoint.port)
    except UnicodeError:
        # The name has an empty or too long label.
        raise OSError("the name is not valid") from None
    for each in found:
        address = read_address(each)
        if address is None or not is_allowed(address, allowed):
            raise NotAllowed
    return found


@contextmanager
def connected(
    endpoint: Endpoint, addresses: Sequence[str], deadline: Deadline, tls: ssl.SSLContext
) -> Iterator[HTTPConnection]:
    """Connect to the first of these addresses that answers.

    At the deadline the connection is shut down, however slowly the receiver still sends.

    Args:
        endpoint: Whose host is named to the receiver, and must be in its certificate.
        addresses: Addresses that were checked.
        deadline: When to give up.
        tls: Verifies certificates.

    Raises:
        OSError: None of them answers, or the certificate is not that of the name.
    """
    sock = _connect(addresses, endpoint.port, deadline)
    with sock, _shut_down_at(deadline, sock):
        kind: type[HTTPConnection] = HTTPConnection
        if endpoint.scheme == "https":
            kind = HTTPSConnection
            sock = tls.wrap_socket(sock, server_hostname=endpoint.host)
        connection = kind(endpoint.host, endpoint.port)
        # So that it neither resolves the name again nor uses a proxy.
        connection.sock = sock
        with sock:
            yield connection


@contextmanager
def _shut_down_at(deadline: Deadline, sock: socket.socket) -> Iterator[None]:
    # TLS takes over the socket's file descriptor, so shutting it down needs a duplicate.
    handle = sock.dup()

    def shut_down() -> None:
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(deadline.left_s(), shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def _connect(addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
    failed: OSError = OSError("no address")
    for address in addresses[:_ADDRESSES_MAX]:
        try:
            sock = socket.create_connection((address, port), deadline.left_s())
        except OSError as error:
            failed = error
        else:
            sock.settimeout(deadline.left_s())
            return sock
    raise failed
