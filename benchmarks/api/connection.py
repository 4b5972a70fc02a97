"""A connection that costs its client little: requests are ready bytes, of an answer little is read.

The client shares two processors with what it measures.
"""

from __future__ import annotations

import socket
import time

# Bytes read from a connection at a time: more than any answer has.
_READ_BYTES = 64 * 1024
# Where the status stands in an answer.
_STATUS = slice(9, 12)


class BadAnswer(RuntimeError):
    """An answer was not what was asked for; it is shown."""


class Connection:
    """One connection that is kept alive, with one request under way.

    Args:
        address: Of the server.
        status: That each answer must have.
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
        """Return the descriptor, for a poll."""
        return self._socket.fileno()

    def ask(self, request: bytes) -> None:
        """Begin a request."""
        self._asked_at = time.perf_counter()
        self._unsent, self._answer = memoryview(request), b""
        self.send()

    def send(self) -> None:
        """Send what the connection takes now."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return

    def receive(self) -> float | None:
        """Take what has come; return the seconds that the answer took once it is whole.

        Raises:
            BadAnswer: It has another status, or the connection has ended.
        """
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        self._answer += data
        if not data or self._answer[_STATUS] != self._status[: len(self._answer[_STATUS])]:
            raise BadAnswer(self._answer.decode(errors="replace") or "The connection has ended.")
        return time.perf_counter() - self._asked_at if is_whole(self._answer) else None

    def close(self) -> None:
        """End the connection, whatever is under way."""
        self._socket.close()


def is_whole(answer: bytes) -> bool:
    """Tell whether an answer with a Content-Length has all of its bytes."""
    head, end, body = answer.partition(b"\r\n\r\n")
    _, _, length = head.lower().partition(b"\r\ncontent-length:")
    return bool(end) and len(body) >= int(length.partition(b"\r\n")[0])
