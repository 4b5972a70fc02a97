"""Redis from the Debian package."""

from __future__ import annotations

import shutil
from pathlib import Path

import redis

from common.redis.client import connect
from tests.support.services.ports import free_port
from tests.support.services.process import Service


class RedisServer(Service):
    """Redis with the settings that Glimpse requires: AOF on, noeviction, no snapshots.

    Args:
        folder: Folder of its data and log.
        password: Password required of clients; none by default.
    """

    name = "Redis"

    def __init__(self, folder: Path, password: str = "") -> None:
        super().__init__(folder)
        self.port = free_port()
        self._password = password
        user = f":{password}@" if password else ""
        self.url = f"redis://{user}{self.address}:{self.port}/0"

    @classmethod
    def absent(cls) -> str | None:
        if shutil.which("redis-server") is None:
            return "redis-server is not on PATH (Debian package redis-server)"
        return None

    @classmethod
    def binary(cls) -> str:
        """Return the path of the server's program."""
        path = shutil.which("redis-server")
        if path is None:
            raise FileNotFoundError("redis-server")
        return path

    def options(self) -> dict[str, str]:
        """Return the server's settings."""
        return {
            "bind": self.address,
            # Otherwise it answers only loopback without a password.
            "protected-mode": "no",
            "port": str(self.port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
            "save": "",
            "requirepass": self._password,
        }

    def command(self) -> list[str]:
        options = self.options()
        return [self.binary(), *(part for key in options for part in (f"--{key}", options[key]))]

    def connect(self) -> redis.Redis:
        """Return a client of this server."""
        return connect(self.url)

    def answers(self) -> bool:
        with self.connect() as client:
            try:
                # An error is returned while the append-only file is loading.
                return bool(client.ping())
            except redis.RedisError:
                return False
