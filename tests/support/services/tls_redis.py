"""Redis that accepts nothing but TLS with a client's certificate."""

from __future__ import annotations

from pathlib import Path

import redis

from common.redis.client import connect
from common.settings import load_settings
from tests.support.certificates import Certificates, Files
from tests.support.services.redis_server import RedisServer


class TlsRedis(RedisServer):
    """Redis from the Debian package: the wheel's Valkey is built without TLS.

    Args:
        folder: Folder of its data and log.
        certificates: Its certificate, and those that it trusts.
        password: Password of the default user.
        user: Name and rules of another user.
    """

    name = "Redis with TLS"

    def __init__(
        self, folder: Path, certificates: Certificates, password: str = "", user: str = ""
    ) -> None:
        super().__init__(folder, password)
        self._certificates = certificates
        self._user = user
        self.url = self.url.replace("redis://", "rediss://")
        client = certificates.client
        # What its clients need.
        self.settings = {
            "GLIMPSE_REDIS_URL": self.url,
            "GLIMPSE_REDIS_CA": certificates.ca,
            "GLIMPSE_REDIS_CERT": client.cert,
            "GLIMPSE_REDIS_KEY": client.key,
        }

    def options(self) -> dict[str, str]:
        return super().options() | {
            "port": "0",
            "tls-port": str(self.port),
            "tls-ca-cert-file": self._certificates.ca,
            "tls-cert-file": self._certificates.good.cert,
            "tls-key-file": self._certificates.good.key,
        }

    def command(self) -> list[str]:
        return [*super().command(), *(["--user", *self._user.split()] if self._user else [])]

    def connect(self) -> redis.Redis:
        return connect(load_settings(self.settings).redis)

    def show(self, client: redis.Redis, files: Files) -> None:
        """Change the certificate that the server shows from now on.

        Args:
            client: A client that is connected already.
            files: The certificate.
        """
        pairs = ("tls-cert-file", files.cert, "tls-key-file", files.key)
        client.execute_command("CONFIG SET", *pairs)


class TlsSentinel(TlsRedis):
    """A sentinel that speaks TLS, alone enough to name a primary.

    Args:
        folder: Folder of its configuration and log.
        certificates: As for ``TlsRedis``.
        primary: Port of the primary.
    """

    name = "Sentinel with TLS"

    def __init__(self, folder: Path, certificates: Certificates, primary: int) -> None:
        super().__init__(folder, certificates)
        mine = {n: v for n, v in self.options().items() if n == "port" or n.startswith("tls-")}
        lines = [f"{name} {value}" for name, value in mine.items()]
        lines += ["tls-replication yes", f"sentinel monitor glimpse 127.0.0.1 {primary} 1"]
        # The sentinel notes in it what it learns.
        self._config = folder / "sentinel.conf"
        self._config.write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        return [self.binary(), str(self._config), "--sentinel"]
