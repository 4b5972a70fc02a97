"""Addresses to listen on: free ones, and whether a given one is free."""

from __future__ import annotations

import socket

from cli.errors import OpenService, PortBusy
from common.loopback import is_loopback as is_loopback

LOOPBACK = "127.0.0.1"


def claim(host: str, port: int) -> int:
    """Return the port to listen on, or a free one for 0.

    The port is let go again, for another process will bind it.

    Raises:
        PortBusy: The address is in use, or this machine cannot listen on it.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # As the server will: a port that rests after its last use is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # Two sockets may be bound to one port with this option; only one may listen.
            probe.listen(1)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise PortBusy(
            f"Cannot listen on {join(host, port)}: {error.strerror}."
            " Choose another with --host and --port (0 takes a free port)."
        ) from error


def free_ports(count: int) -> list[int]:
    """Return different free ports of loopback."""
    probes = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def require_loopback(host: str) -> None:
    """Refuse an address that other machines reach.

    Raises:
        OpenService: The address is not loopback.
    """
    if not is_loopback(host):
        raise OpenService(
            f"{host} can be reached from other machines, and everyone there could read, add"
            " and delete pictures, for there are no keys. Run `glimpse up` without --host, make"
            " one with `glimpse keys create`, and come back; or say --allow-open if it is meant."
        )


def join(host: str, port: int) -> str:
    """Write an address as HOST:PORT, with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(host: str, port: int) -> str:
    """Return the address at which a service on ``host`` is reached from this machine."""
    here = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{join(here, port)}"
