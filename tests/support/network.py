"""Hosts on this machine: network namespaces, each with an address of its own, on one bridge."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import pytest

from tests.support.services.process import Service

Kind = TypeVar("Kind", bound=Service)

# Where `ip netns` keeps its namespaces.
_NAMESPACES = Path("/run/netns")
# The bridge, in its namespace, and a host's end of its cable.
_BRIDGE, _ETHERNET = "bridge", "eth0"
# The variable with the id of the process that made a bridge for those that it starts.
_SHARED = "TEST_BRIDGE_OF"


class Bridge:
    """A bridge in a namespace of its own, where the machine's packet filters do not apply.

    Its name and its addresses contain the id of the process that makes it.

    Attributes:
        address: The address of the machine's own end of it.
        subnet: The first three numbers of all addresses.
        name: Starts the names of all namespaces and devices.
        netns: Its namespace.
    """

    def __init__(self, pid: int) -> None:
        self.name = f"gl{pid}"
        self.subnet = f"10.{200 + pid // 256 % 50}.{pid % 256}"
        self.address = f"{self.subnet}.1"
        self.netns = f"{self.name}-lan"

    def make(self) -> None:
        """Make it, and connect the machine."""
        _ip("netns", "add", self.netns)
        _ip("-n", self.netns, "link", "add", _BRIDGE, "type", "bridge")
        _ip("-n", self.netns, "link", "set", _BRIDGE, "up")
        self.attach(str(os.getpid()), self.name, "port1")
        _ip("addr", "add", f"{self.address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def remove(self) -> None:
        """Remove it, as far as it was made."""
        # A namespace is removed later, and this process may make another bridge at once.
        for command in (("link", "del", self.name), ("netns", "del", self.netns)):
            subprocess.run(["ip", *command], check=False, capture_output=True)

    def attach(self, netns: str, device: str, port: str) -> None:
        """Connect a namespace, given by its name or by a process in it."""
        cable = ("link", "add", port, "type", "veth", "peer", "name", device, "netns", netns)
        _ip("-n", self.netns, *cable)
        _ip("-n", self.netns, "link", "set", port, "master", _BRIDGE, "up")


def share_bridge(config: pytest.Config) -> None:
    """Make a bridge for all test processes before the first test, if that is possible here.

    When the machine's network devices change, Chromium breaks off what it loads.
    """
    if _SHARED in os.environ or shutil.which("ip") is None:
        return
    bridge = Bridge(os.getpid())
    config.add_cleanup(bridge.remove)
    try:
        bridge.make()
    except (OSError, subprocess.CalledProcessError):
        # ``Network.absent`` tells the tests that need one why there is none.
        return
    os.environ[_SHARED] = str(os.getpid())


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
    """Connects hosts and this process to a bridge: the shared one, or else its own.

    Attributes:
        address: The address of this process on the network.
    """

    def __init__(self) -> None:
        shared = os.environ.get(_SHARED)
        self._is_own = shared is None
        self._bridge = Bridge(int(shared or os.getpid()))
        self._hosts: list[str] = []
        self.address = self._bridge.address

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
        netns = f"{self._bridge.name}-{name}"
        _ip("netns", "add", netns)
        self._hosts.append(netns)
        number = 1 + len(self._hosts)
        port, address = f"port{number}", f"{self._bridge.subnet}.{number}"
        self._bridge.attach(netns, _ETHERNET, port)
        _ip("-n", netns, "link", "set", "lo", "up")
        _ip("-n", netns, "addr", "add", f"{address}/24", "dev", _ETHERNET)
        _ip("-n", netns, "link", "set", _ETHERNET, "up")
        return Host(address, _NAMESPACES / netns, self._bridge.netns, port)

    def __enter__(self) -> Self:
        if self._is_own:
            try:
                self._bridge.make()
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
        """Remove all hosts, and with them their cables."""
        while self._hosts:
            netns = self._hosts.pop()
            # A namespace is removed later, and its cable with it.
            _ip("-n", netns, "link", "del", _ETHERNET)
            _ip("netns", "del", netns)
        if self._is_own:
            self._bridge.remove()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
