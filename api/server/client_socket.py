"""Sockets of clients, of whom some are slow and some are so on purpose."""

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
from common.errors import RequestTimeout

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger(__name__)

# Bytes of a head read at a time.
_READ_BYTES = 16 * 1024
# Seconds that a client has for its own end of a connection once ours is closed.
_LEAVE_S = 2.0
# Bytes that are received and dropped meanwhile, at most.
_LEAVE_BYTES_MAX = 64 * 1024
# Seconds between two looks at what a client has taken of an answer. The kernel calls a socket
# writable again when a third of its buffer is free, which takes a slow reader minutes.
_LOOK_S = 1.0
# Whether the kernel tells what of a socket's bytes is still on its way.
_TELLS_UNTAKEN = sys.platform == "linux"
# Makes the kernel drop what a client does not take, instead of offering it for minutes more.
_DROP_UNSENT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What clients may take of our time.

    Args:
        head_s: Seconds within which a request's head must be whole.
        silence_s: Seconds that a body or the reader of an answer may pause.
        bytes_per_s_min: Pace of a body or a reader that is never too slow.
    """

    head_s: float
    silence_s: float
    bytes_per_s_min: int

    def rate(self) -> MinRate:
        """Return a fresh allowance for one direction of one request."""
        return MinRate(self.silence_s, self.bytes_per_s_min)


class ClientSocket(socket.socket):
    """A client's connection, on which no call waits for longer than the bounds let it.

    Calls on a socket that somebody has given a time-out go by that instead.
    """

    bounds: Bounds
    _head: RequestHead | None
    _leaves_at: float | None
    _left_bytes: int

    @classmethod
    def of(cls, connection: socket.socket, bounds: Bounds) -> Self:
        """Take over a connection; the object given is of no use any more."""
        family, kind, protocol = connection.family, connection.type, connection.proto
        client = cls(family, kind, protocol, fileno=connection.detach())
        client.setblocking(False)
        client.bounds = bounds
        client._head = client._leaves_at = None
        client._left_bytes = _LEAVE_BYTES_MAX
        client.begin_request(lambda: None)
        return client

    @property
    def is_leaving(self) -> bool:
        """Whether all that is left to come is the client's end."""
        return self._leaves_at is not None

    @property
    def is_late(self) -> bool:
        """Whether what a thread is spared from waiting for should be here by now."""
        if self._leaves_at is not None:
            return time.monotonic() >= self._leaves_at
        return self._head is not None and self._head.is_late

    @property
    def has_begun(self) -> bool:
        """Whether any of a head has come that has not been taken."""
        return self._head is not None and self._head.has_begun

    def receive_head(self, before: bytes = b"") -> bool:
        """Receive what is here of a head, and tell whether there is no more to wait for.

        Args:
            before: What has been received of it with the request before.

        Raises:
            ParseException: It is too long.
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
        """Return what was received as a head, and forget it."""
        head, self._head = self._head, None
        return head.data if head else b""

    def begin_request(self, when_late: Callable[[], None]) -> None:
        """Be patient anew.

        Args:
            when_late: Called before the request's body is given up.
        """
        self._receiving, self._sending = self.bounds.rate(), self.bounds.rate()
        self._when_late = when_late

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive bytes, none at the end.

        Raises:
            RequestTimeout: They come too slowly.
        """
        if flags or self.gettimeout() is not None:
            return super().recv(bufsize, flags)
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
        """Send all bytes of something small."""
        if flags or self.gettimeout() is not None:
            return super().send(data, flags)
        self.sendall(data)
        return memoryview(data).nbytes

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """Send all bytes.

        Raises:
            BrokenPipeError: The client reads too slowly.
        """
        if flags or self.gettimeout() is not None:
            return super().sendall(data, flags)
        rest = memoryview(data).cast("B")
        while rest:
            try:
                sent = super().send(rest, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait_for_reader()
            else:
                rest = rest[sent:]
                if not _TELLS_UNTAKEN:
                    self._sending.restore(sent)
        return None

    def leave(self) -> bool:
        """Close our end, drop what comes, and tell whether the client's is still to come."""
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
        # gunicorn would wait for more, in the thread that accepts all connections.
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        return False

    def _wait_for_reader(self) -> None:
        if self._sending.is_spent:
            log.warning("api.unread_answer")
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
            with suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)
            raise BrokenPipeError(errno.EPIPE, "The client does not read its answer.")
        untaken = self._untaken()
        self._wait(select.POLLOUT, self._sending, min(self._sending.left_s, _LOOK_S))
        self._sending.restore(max(untaken - self._untaken(), 0))

    def _wait(self, event: int, rate: MinRate, seconds: float) -> None:
        """Wait for a chance to go on, and count the wait."""
        poll = select.poll()
        poll.register(self, event)
        begun_at = time.monotonic()
        poll.poll(seconds * 1000)
        rate.spend(time.monotonic() - begun_at)

    def _untaken(self) -> int:
        """Return how many bytes were sent that the client's machine has not acknowledged.

        Where the kernel does not tell, none: what it takes counts as taken.
        """
        if not _TELLS_UNTAKEN:
            return 0
        (count,) = struct.unpack("i", fcntl.ioctl(self, termios.TIOCOUTQ, bytes(4)))
        return int(count)
