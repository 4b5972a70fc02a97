"""A connection that costs the client little CPU: requests are prebuilt, answers barely parsed.

The client shares two cores with the services it measures.
"""

from __future__ import annotations

import socket
import time

# Bytes read from a connection at a time, larger than any answer.
_READ_BYTES = 64 * 1024
# Position of the status code in an answer.
_STATUS = slice(9, 12)


class BadAnswer(RuntimeError):
    """An answer has an unexpected status; the message contains it."""


class Connection:
    """One keep-alive connection with one request in progress.

    Args:
        address: Address of the server.
        status: Expected status of every answer.
    """

    def __init__(self, address: tuple[str, int], status: int) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._status = str(status).encode()
        self._unsent = memoryview(b"")
        self._answer = b""
        self._asked_at = 0.0

    def fileno(self) -> int:
        """Return the file descriptor, for polling."""
        return self._socket.fileno()

    def ask(self, request: bytes) -> None:
        """Start a request."""
        self._asked_at = time.perf_counter()
        self._unsent, self._answer = memoryview(request), b""
        self.send()

    def send(self) -> None:
        """Send as much as the connection accepts now."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return

    def receive(self) -> float | None:
        """Read available data; return the latency in seconds once the answer is complete.

        Raises:
            BadAnswer: The answer has another status, or the connection was closed.
        """
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        self._answer += data
        if not data or self._answer[_STATUS] != self._status[: len(self._answer[_STATUS])]:
            raise BadAnswer(self._answer.decode(errors="replace") or "The connection was closed.")
        return time.perf_counter() - self._asked_at if is_whole(self._answer) else None

    def close(self) -> None:
        """Close the connection, even with a request in progress."""
        self._socket.close()


def is_whole(answer: bytes) -> bool:
    """Return whether an answer with a Content-Length is complete."""
    head, end, body = answer.partition(b"\r\n\r\n")
    _, _, length = head.lower().partition(b"\r\ncontent-length:")
    return bool(end) and len(body) >= int(length.partition(b"\r\n")[0])
