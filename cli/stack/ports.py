"""Addresses to listen on: find free ports, and check that a given address is free."""

from __future__ import annotations

import asyncio
import socket

from cli.errors import OpenService, PortBusy
from common.keys.command import CREATE_KEY
from common.loopback import is_loopback as is_loopback

LOOPBACK = "127.0.0.1"


def claim(host: str, port: int) -> int:
    """Return the port to listen on, or a free one for 0.

    The port is released again, because another process will bind it.

    Raises:
        PortBusy: The address is in use, or this machine cannot listen on it.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # As the server does: a port in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # With this option two sockets can bind one port, but only one can listen.
            probe.listen(1)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise PortBusy(
            f"Cannot listen on {join(host, port)}: {error.strerror}."
            " Choose another with --host and --port (0 takes a free port)."
        ) from error


def free_ports(count: int) -> list[int]:
    """Return distinct free ports on loopback."""
    probes = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


async def listens(port: int) -> bool:
    """Return whether a process listens on a port of loopback."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def require_loopback(host: str) -> None:
    """Refuse an address that other machines can reach.

    Raises:
        OpenService: The address is not loopback.
    """
    if not is_loopback(host):
        raise OpenService(
            f"{host} is reachable from other machines, and without keys anyone there could read,"
            " add and delete pictures. Run `glimpse up` without --host, create a key with"
            f" `{CREATE_KEY}` (and the same --data), and start it again; or pass"
            " --allow-open to allow this."
        )


def join(host: str, port: int) -> str:
    """Write an address as HOST:PORT, with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a service that listens on ``host``."""
    here = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{join(here, port)}"
