"""Client sockets with deadlines, because some clients are slow, and some on purpose."""

from __future__ import annotations

import errno
import fcntl
import logging
import select
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from api.server.min_rate import MinRate
from api.server.request_head import RequestHead
from common.blocking import blocking
from common.errors import RequestTimeout

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger(__name__)

# Bytes of a head read at a time.
_READ_BYTES = 16 * 1024
# Seconds that a client has to close its end of a connection once ours is closed.
_LEAVE_S = 2.0
# Maximum bytes that are received and discarded meanwhile.
_LEAVE_BYTES_MAX = 64 * 1024
# Seconds between two checks of how much of a response the client has received. The kernel reports
# a socket as writable again when a third of its buffer is free; a slow reader needs minutes.
_POLL_S = 1.0
# Whether the kernel reports how many sent bytes are not yet acknowledged.
_REPORTS_UNACKED = sys.platform == "linux"
# Makes the kernel discard unsent bytes on close instead of retransmitting them for minutes.
_DROP_UNSENT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits for slow clients.

    Args:
        head_s: Seconds within which a request's head must be complete.
        silence_s: Seconds for which a body, or the reader of a response, may pause.
        bytes_per_s_min: Minimum rate at which bodies and responses never time out.
    """

    head_s: float
    silence_s: float
    bytes_per_s_min: int

    def rate(self) -> MinRate:
        """Return a fresh allowance for one direction of one request."""
        return MinRate(self.silence_s, self.bytes_per_s_min)


class ClientSocket(socket.socket):
    """A client's connection on which no call waits longer than the bounds allow.

    If a timeout is set on the socket, calls use that timeout instead.
    """

    bounds: Bounds
    _head: RequestHead | None
    _leaves_at: float | None
    _left_bytes: int
    # The head of a response that waits for its body; empty before it is known, else None.
    _held: bytes | None

    @classmethod
    def of(cls, connection: socket.socket, bounds: Bounds) -> Self:
        """Take over a connection; the given socket object must not be used any more."""
        family, kind, protocol = connection.family, connection.type, connection.proto
        client = cls(family, kind, protocol, fileno=connection.detach())
        client.setblocking(False)
        client.bounds = bounds
        client._head = client._held = client._leaves_at = None
        client._left_bytes = _LEAVE_BYTES_MAX
        client.begin_request(lambda: None)
        return client

    @property
    def is_leaving(self) -> bool:
        """Whether only the client's close is still awaited."""
        return self._leaves_at is not None

    @property
    def is_late(self) -> bool:
        """Whether the awaited head, or the client's close, is overdue."""
        if self._leaves_at is not None:
            return time.monotonic() >= self._leaves_at
        return self._head is not None and self._head.is_late

    @property
    def has_begun(self) -> bool:
        """Whether part of a head was received and not yet taken."""
        return self._head is not None and self._head.has_begun

    def receive_head(self, before: bytes = b"") -> bool:
        """Receive the available bytes of a head; return whether there is nothing to wait for.

        Args:
            before: Bytes of it that were received with the previous request.

        Raises:
            ParseException: The head is too long.
        """
        self._head = self._head or RequestHead(self.bounds.head_s)
        self._head.take(before)
        while not self._head.is_whole:
            try:
                data = super().recv(_READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            if not data:
                return True
            self._head.take(data)
        return True

    def take_head(self) -> bytes:
        """Return the received head and discard it."""
        head, self._head = self._head, None
        return head.data if head else b""

    def begin_request(self, when_late: Callable[[], None]) -> None:
        """Restart the time limits for a new request.

        Args:
            when_late: Called if the request's body times out, before the error is raised.
        """
        self._receiving, self._sending = self.bounds.rate(), self.bounds.rate()
        self._when_late = when_late

    def hold_head(self) -> None:
        """Hold the head of a response, the next bytes to send, until its body follows."""
        self._held = b""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive bytes; an empty result means the end.

        Raises:
            RequestTimeout: The bytes arrive too slowly.
        """
        if flags:
            return super().recv(bufsize, flags)
        if self.gettimeout() is not None:
            with blocking():
                return super().recv(bufsize)
        while True:
            with suppress(BlockingIOError):
                data = super().recv(bufsize, socket.MSG_DONTWAIT)
                self._receiving.restore(len(data))
                return data
            if self._receiving.is_spent:
                self._when_late()
                raise RequestTimeout
            self._wait(select.POLLIN, self._receiving, self._receiving.left_s)

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Send all bytes; meant for small data."""
        if flags or self.gettimeout() is not None:
            return super().send(data, flags)
        self._send_all(data)
        return memoryview(data).nbytes

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """Send all bytes, unless they are a head to hold; then they go with the next ones.

        Raises:
            BrokenPipeError: The client reads too slowly.
        """
        if flags or self.gettimeout() is not None:
            return super().sendall(data, flags)
        if self._held == b"":
            self._held = bytes(data)
            return None
        held, self._held = self._held, None
        return self._send_all(b"".join((held, data)) if held else data)

    def send_held(self) -> None:
        """Send the head of a response that has no body."""
        held, self._held = self._held, None
        self._send_all(held or b"")

    def _send_all(self, data: ReadableBuffer) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            try:
                sent = super().send(rest, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait_for_reader()
            else:
                rest = rest[sent:]
                if not _REPORTS_UNACKED:
                    self._sending.restore(sent)

    def leave(self) -> bool:
        """Close our end and discard input; return whether the client's close is still awaited."""
        try:
            if self._leaves_at is None:
                self._leaves_at = time.monotonic() + _LEAVE_S
                self.shutdown(socket.SHUT_WR)
            while self._left_bytes > 0 and (data := super().recv(4096, socket.MSG_DONTWAIT)):
                self._left_bytes -= len(data)
        except BlockingIOError:
            return True
        except OSError as error:
            log.debug("api.client_lost %s", error)
        # Otherwise gunicorn would wait for more in the thread that accepts connections.
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        return False

    def _wait_for_reader(self) -> None:
        if self._sending.is_spent:
            log.warning("api.unread_answer")
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
            with suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)
            raise BrokenPipeError(errno.EPIPE, "The client does not read the response.")
        unacked = self._unacked()
        self._wait(select.POLLOUT, self._sending, min(self._sending.left_s, _POLL_S))
        self._sending.restore(max(unacked - self._unacked(), 0))

    def _wait(self, event: int, rate: MinRate, seconds: float) -> None:
        """Wait until the socket is ready, and count the time against the rate."""
        poll = select.poll()
        poll.register(self, event)
        begun_at = time.monotonic()
        with blocking():
            poll.poll(seconds * 1000)
        rate.spend(time.monotonic() - begun_at)

    def _unacked(self) -> int:
        """Return the number of bytes sent that the client's machine has not acknowledged.

        If the kernel does not report it, return 0: bytes that the kernel accepts count as received.
        """
        if not _REPORTS_UNACKED:
            return 0
        (count,) = struct.unpack("i", fcntl.ioctl(self, termios.TIOCOUTQ, bytes(4)))
        return int(count)
