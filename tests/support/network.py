"""Hosts on this machine: network namespaces, each with an address of its own, on one bridge."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.support.services.process import Service

Kind = TypeVar("Kind", bound=Service)

# Where `ip netns` keeps its namespaces.
_NAMESPACES = Path("/run/netns")
# The bridge, in its namespace, and a host's end of its cable.
_BRIDGE, _ETHERNET = "bridge", "eth0"


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace with one address.

    Attributes:
        address: Its IPv4 address.
        netns: Its namespace.
        lan: The name of the bridge's namespace.
        port: The bridge's end of its cable.
    """

    address: str
    netns: Path
    lan: str
    port: str

    def on(self, kind: type[Kind]) -> type[Kind]:
        """Return a kind of service that runs on this host and listens on its address."""
        return type(kind.__name__, (kind,), {"address": self.address, "netns": self.netns})

    def unplug(self) -> None:
        """Cut the host off: from now on, nothing reaches it and nothing leaves it."""
        _ip("-n", self.lan, "link", "set", self.port, "down")

    def plug(self) -> None:
        """Connect the host again."""
        _ip("-n", self.lan, "link", "set", self.port, "up")


class Network:
    """Connects hosts and this process to one bridge.

    All names and the addresses contain the id of this process, so that test processes which run in
    parallel have a network each. The bridge has a namespace of its own, so that packet filters of
    the machine do not apply to it.

    Attributes:
        address: The address of this process on the network.
    """

    def __init__(self) -> None:
        pid = os.getpid()
        self._name = f"gl{pid}"
        self._subnet = f"10.{200 + pid // 256 % 50}.{pid % 256}"
        self._namespaces: list[str] = []
        self.address = f"{self._subnet}.1"

    @classmethod
    def absent(cls) -> str | None:
        """Return why there can be no networks on this machine, or None if there can."""
        if shutil.which("ip") is None or shutil.which("nsenter") is None:
            return "ip or nsenter is not on PATH (Debian packages iproute2 and util-linux)"
        try:
            with cls() as network:
                network.host("probe")
        except subprocess.CalledProcessError as error:
            return f"network namespaces cannot be made here: {error.stderr.strip()}"
        return None

    def host(self, name: str) -> Host:
        """Connect a new host."""
        netns = self._namespace(name)
        address = f"{self._subnet}.{len(self._namespaces)}"
        port = self._attach(netns, _ETHERNET)
        _ip("-n", netns, "link", "set", "lo", "up")
        _ip("-n", netns, "addr", "add", f"{address}/24", "dev", _ETHERNET)
        _ip("-n", netns, "link", "set", _ETHERNET, "up")
        return Host(address, _NAMESPACES / netns, self._namespaces[0], port)

    def __enter__(self) -> Self:
        try:
            lan = self._namespace("lan")
            _ip("-n", lan, "link", "add", _BRIDGE, "type", "bridge")
            _ip("-n", lan, "link", "set", _BRIDGE, "up")
            self._attach(str(os.getpid()), self._name)
            _ip("addr", "add", f"{self.address}/24", "dev", self._name)
            _ip("link", "set", self._name, "up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove all namespaces, and with them the cables."""
        # A namespace is removed later, and this process may make another network at once.
        subprocess.run(["ip", "link", "del", self._name], check=False, capture_output=True)
        while self._namespaces:
            subprocess.run(["ip", "netns", "del", self._namespaces.pop()], check=False)

    def _namespace(self, name: str) -> str:
        netns = f"{self._name}-{name}"
        _ip("netns", "add", netns)
        self._namespaces.append(netns)
        return netns

    def _attach(self, netns: str, device: str) -> str:
        """Connect a namespace, by name or by a process in it; return the bridge's end."""
        lan, port = self._namespaces[0], f"port{len(self._namespaces)}"
        cable = ("link", "add", port, "type", "veth", "peer", "name", device, "netns", netns)
        _ip("-n", lan, *cable)
        _ip("-n", lan, "link", "set", port, "master", _BRIDGE, "up")
        return port


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
