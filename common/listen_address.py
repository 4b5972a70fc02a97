"""An address to listen on, as a setting gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_LOOPBACK = "127.0.0.1"
_PORT_MAX = 65_535
# An address or a name, IPv6 in brackets; and a port.
_FORM = re.compile(
    r"(?:(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s]+)):)?(?P<port>[0-9]{1,5})"
)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """The address of an interface and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """Parse ``ADDRESS:PORT``, or ``PORT`` for loopback.

        Raises:
            ValueError: It is neither.
        """
        found = _FORM.fullmatch(text)
        if found is None or not 0 < int(found["port"]) <= _PORT_MAX:
            raise ValueError(
                "must be PORT or ADDRESS:PORT, such as 9464, 0.0.0.0:9464 or [::1]:9464,"
                f" with a port from 1 to {_PORT_MAX}"
            )
        return cls(found["v6"] or found["host"] or _LOOPBACK, int(found["port"]))

    def after(self, count: int) -> ListenAddress:
        """Return the address whose port is ``count`` higher."""
        return replace(self, port=self.port + count)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
