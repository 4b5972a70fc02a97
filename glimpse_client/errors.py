"""Errors that the client raises.

GlimpseError
└── ClientError              a request did not succeed
    ├── InvalidAddress       the server's address is not an HTTP URL
    ├── InvalidId            an id is empty, or dots only
    ├── InvalidHeader        a key or another header has a character that no header can have
    ├── FileUnreadable       a file to send cannot be read
    ├── ServerUnreachable    no server answers at the address, or the connection broke
    ├── JobUnfinished        a job did not finish before the timeout
    ├── SearchFailed         the server accepted a search, and it failed
    └── RequestRefused       the server answered with an error
        ├── NotThere         the image, job, search or dead letter does not exist
        ├── NotAllowed       the API key is missing, invalid or lacks the scope
        └── Unavailable      the server stayed overloaded or unavailable
"""

from __future__ import annotations

from pathlib import Path


class GlimpseError(Exception):
    """Base class of every error that the client raises; ``code`` is stable."""

    code: str


class ClientError(GlimpseError):
    """A request did not succeed."""

    code = "client_error"


class InvalidAddress(ClientError):
    """The server's address is not an HTTP URL."""

    code = "invalid_address"


class InvalidId(ClientError):
    """An id is empty or consists of dots; nothing was sent."""

    code = "invalid_id"


class InvalidHeader(ClientError):
    """A key or another header has a character that no header can have; nothing was sent."""

    code = "invalid_header"


class ServerUnreachable(ClientError):
    """No server answers at the address, or the connection broke."""

    code = "server_unreachable"


class JobUnfinished(ClientError):
    """A job did not finish before the timeout; it is still running."""

    code = "job_unfinished"


class SearchFailed(ClientError):
    """The server accepted a search, and it failed.

    Args:
        code: Stable code of the cause.
        detail: The cause in a sentence.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"The search failed ({code}): {detail}")
        self.code = code
        self.detail = detail


class RequestRefused(ClientError):
    """The server answered with an error.

    Args:
        status: HTTP status.
        code: Stable code from the problem document, or ``http_STATUS``.
        detail: The cause in a sentence, from the server.
        retry_after_s: Seconds to wait before a retry, if the server sent ``Retry-After``.
        request_id: Identifies the request in the server's log.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        retry_after_s: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(f"The server refused ({code}): {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.request_id = request_id


class NotThere(RequestRefused):
    """The image, job, search or dead letter does not exist or has expired."""


class NotAllowed(RequestRefused):
    """The API key is missing, invalid or lacks the scope."""


class Unavailable(RequestRefused):
    """The server, or a part of it, stayed overloaded or unavailable through all retries."""


class FileUnreadable(ClientError):
    """A file to send cannot be read.

    Args:
        path: The file.
        reason: The operating system's message.
    """

    code = "unreadable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


# Statuses with an error class of their own.
_KINDS: dict[int, type[RequestRefused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotThere,
    **dict.fromkeys((429, 502, 503, 504, 507), Unavailable),
}


def kind_of(status: int) -> type[RequestRefused]:
    """Return the error class for an HTTP status."""
    return _KINDS.get(status, RequestRefused)
