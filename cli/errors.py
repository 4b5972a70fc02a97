"""What stops a command: more branches of the tree in ``common/errors.py``.

GlimpseError
├── ClientError              a command cannot do its work with the server
│   ├── RedisNotFound        nobody says where the service's Redis is, or it does not answer
│   ├── ServerUnreachable    nothing answers at the server's address
│   └── RequestRefused       the server answered with a problem document
├── FileUnreadable           a file cannot be read, or is gone
├── NothingToIngest          the paths hold no picture that can be sent
└── SetupError
    ├── PortBusy             the address cannot be listened on
    ├── OpenService          the address is not loopback, and there are no keys
    ├── PartMissing          a program that `glimpse up` runs is not installed
    └── PartFailed           a part of the stack ended, or never became ready
"""

from __future__ import annotations

from pathlib import Path

from common.errors import GlimpseError, SetupError


class ClientError(GlimpseError):
    """A command cannot do its work with the server."""

    code = "client_error"


class ServerUnreachable(ClientError):
    """Nothing answers at the server's address, or the connection broke off."""

    code = "server_unreachable"


class RedisNotFound(ClientError):
    """Nobody says where the service's Redis is, or it does not answer there."""

    code = "redis_not_found"


class RequestRefused(ClientError):
    """The server answered with an error.

    Args:
        status: HTTP status.
        reason: Stable code from the problem document, or ``http_STATUS``.
        detail: The server's sentence for people.
        retry_after_s: Seconds after which it wants to be asked again, if it says so.
    """

    code = "request_refused"

    def __init__(
        self, status: int, reason: str, detail: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"The server refused ({reason}): {detail}")
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s


class FileUnreadable(GlimpseError):
    """A file cannot be read, or is gone since it was found.

    Args:
        path: The file.
        reason: What the system says, in a few words.
    """

    code = "unreadable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NothingToIngest(GlimpseError):
    """The paths hold no picture that can be sent."""

    code = "nothing_to_ingest"


class PortBusy(SetupError):
    """The address cannot be listened on."""

    code = "port_busy"


class OpenService(SetupError):
    """The address is not loopback, and the service has no keys."""

    code = "open_service"


class PartMissing(SetupError):
    """A program that ``glimpse up`` runs is not installed."""

    code = "part_missing"


class PartFailed(SetupError):
    """A part of the stack ended, or never became ready."""

    code = "part_failed"
