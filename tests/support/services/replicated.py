"""Three servers of Valkey, one of them the primary, and three sentinels that watch them."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tests.support.polling import wait_for
from tests.support.services.valkey import Valkey

# The name that the sentinels know the primary by.
NAME = "glimpse"
# Milliseconds without an answer after which a sentinel considers a server down, and after which a
# failover that failed is tried again.
_DOWN_MS, _FAILOVER_MS = 2000, 4000
# Seconds to wait for the servers and the sentinels to agree.
_AGREED_S = 60.0


class _Server(Valkey):
    """A server that has a replica, or is one, and refuses writes that no replica receives."""

    name = "Valkey server"

    def __init__(self, folder: Path, primary: int | None = None) -> None:
        super().__init__(folder)
        self._primary = primary

    def options(self) -> dict[str, str]:
        options = super().options() | {
            "repl-diskless-sync-delay": "0",
            "repl-ping-replica-period": "1",
            "min-replicas-to-write": "1",
            "min-replicas-max-lag": "10",
        }
        if self._primary is not None:
            options["replicaof"] = f"127.0.0.1 {self._primary}"
        return options


class SentinelServer(Valkey):
    """A sentinel of a primary; two of them must agree that it is down."""

    name = "Valkey sentinel"

    def __init__(self, folder: Path, primary: int) -> None:
        super().__init__(folder)
        self._config = folder / "sentinel.conf"
        # The sentinel notes in it what it learns.
        self._config.write_text(
            f"""\
port {self.port}
bind 127.0.0.1
dir {folder}
sentinel monitor {NAME} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {NAME} {_DOWN_MS}
sentinel failover-timeout {NAME} {_FAILOVER_MS}
"""
        )

    def command(self) -> list[str]:
        return [self.binary(), str(self._config), "--sentinel"]


class ReplicatedValkey:
    """A primary, two replicas and three sentinels, used like one server.

    Args:
        folder: Folder of their data and logs.
    """

    name = "replicated Valkey"

    def __init__(self, folder: Path) -> None:
        primary = _Server(folder / "server0")
        self.servers = [
            primary,
            *(_Server(folder / f"server{n}", primary.port) for n in (1, 2)),
        ]
        self.sentinels = [SentinelServer(folder / f"sentinel{n}", primary.port) for n in range(3)]
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"sentinel://{hosts}/{NAME}"

    @property
    def running(self) -> bool:
        """Whether a server can be the primary."""
        return any(server.running for server in self.servers)

    def start(self) -> Self:
        """Start everything, and wait until the sentinels know all servers and each other."""
        for part in (*self.servers, *self.sentinels):
            part.start()
        wait_for(self._is_agreed, _AGREED_S, "the sentinels to agree")
        return self

    def stop(self) -> None:
        """Stop everything, the sentinels first: they would promote a replica."""
        for part in (*self.sentinels, *self.servers):
            part.kill()

    def replicate(self) -> None:
        """Return once both replicas have everything that was written until now."""
        with self.primary().connect() as client:
            # Replication keeps the order, so this write comes after all others.
            client.set("replicated", "1", ex=60)
            assert client.wait(2, 30_000) == 2

    def primary(self) -> _Server:
        """Return the server that the sentinels name."""
        with self.sentinels[0].connect() as client:
            port = int(client.sentinel_masters()[NAME]["port"])
        return next(server for server in self.servers if server.port == port)

    def _is_agreed(self) -> bool:
        return all(self._knows_all(sentinel) for sentinel in self.sentinels)

    def _knows_all(self, sentinel: SentinelServer) -> bool:
        with sentinel.connect() as client:
            state = client.sentinel_masters()[NAME]
        return (state["num-slaves"], state["num-other-sentinels"]) == (2, 2)
