"""What a client of the service meets: a branch of the tree in ``common/errors.py``.

GlimpseError
├── ClientError              it cannot be done with the server
│   ├── ServerUnreachable    nothing answers at the server's address
│   ├── JobUnfinished        a job has not ended in time
│   ├── SearchFailed         a search was taken on and has failed
│   └── RequestRefused       the server answered with a problem document
│       ├── NotThere         there is no such image, job or dead letter
│       ├── NotAllowed       the key is missing or wrong, or lacks the scope
│       └── Unavailable      busy, or a part is away; patience did not help
└── FileUnreadable           a file cannot be read, or is gone
"""

from __future__ import annotations

from pathlib import Path

from common.errors import GlimpseError


class ClientError(GlimpseError):
    """It cannot be done with the server."""

    code = "client_error"


class ServerUnreachable(ClientError):
    """Nothing answers at the server's address, or the connection broke off."""

    code = "server_unreachable"


class JobUnfinished(ClientError):
    """A job has not ended in the time that it was waited for; it goes on."""

    code = "job_unfinished"


class SearchFailed(ClientError):
    """A search was taken on and has failed.

    Args:
        code: Stable code that says why.
        detail: A sentence for people.
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
        detail: The server's sentence for people.
        retry_after_s: Seconds after which it wants to be asked again, if it says so.
        request_id: By which the server's log knows the request.
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
    """There is no such image, job, search or dead letter, or it has expired."""


class NotAllowed(RequestRefused):
    """The key is missing or wrong, or lacks the scope."""


class Unavailable(RequestRefused):
    """The server is busy, or a part of it is away, for longer than patience lasted."""


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


# Errors of statuses that a program tells apart.
_KINDS: dict[int, type[RequestRefused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotThere,
    **dict.fromkeys((429, 502, 503, 504, 507), Unavailable),
}


def kind_of(status: int) -> type[RequestRefused]:
    """Return the error that an answer with this status is."""
    return _KINDS.get(status, RequestRefused)
