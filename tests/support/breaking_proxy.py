"""A proxy for a real server that breaks connections, or answers in the server's place."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

# Bytes forwarded at a time.
_BYTES = 64 * 1024

# Takes the first bytes of a request; returns an answer to send instead of forwarding it, or None.
Answer = Callable[[bytes], bytes | None]


class BreakingProxy:
    """Forwards TCP connections to a port of this machine.

    Args:
        port: The server's port.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        # Answers in the server's place.
        self.answer: Answer = lambda _: None
        # Connections to break, each after a share of the first bytes of an answer.
        self.breaks = 0
        self.share = 0.5
        # Number of connections that were broken.
        self.broken = 0

    @property
    def url(self) -> str:
        """The address to use instead of the server's."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections."""
        with self._lock:
            for end in self._open:
                # Wakes the thread that reads from it, which closes it.
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[caller], daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(("127.0.0.1", self._upstream)) as server:
            ends = {caller, server}
            with self._lock:
                self._open |= ends
            back = threading.Thread(target=self._carry_back, args=[server, caller], daemon=True)
            back.start()
            with suppress(OSError):
                while data := caller.recv(_BYTES):
                    instead = self.answer(data)
                    if instead is None:
                        server.sendall(data)
                        continue
                    # The rest of the request is not read, so the connection ends here.
                    caller.sendall(instead)
                    break
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()
            with self._lock:
                self._open -= ends

    def _carry_back(self, server: socket.socket, caller: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_BYTES):
                if self._breaks():
                    caller.sendall(data[: int(len(data) * self.share)])
                    caller.shutdown(socket.SHUT_RDWR)
                    return
                caller.sendall(data)
            caller.shutdown(socket.SHUT_WR)

    def _breaks(self) -> bool:
        with self._lock:
            if not self.breaks:
                return False
            self.breaks -= 1
            self.broken += 1
            return True


def refusal(status: int, code: str) -> bytes:
    """Return an error of an object store as a whole HTTP answer."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>"
    head = f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
