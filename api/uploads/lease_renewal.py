"""Bodies that take their time: what is held for a request is renewed while it is received."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Request

# The input of a request in WSGI's environment.
_INPUT = "wsgi.input"


class RenewingInput:
    """A request's input that calls something now and then while it is read.

    Args:
        stream: The input.
        renew: Called on a read that comes long enough after the last call.
        every_s: Seconds that are long enough.
    """

    def __init__(self, stream: Any, renew: Callable[[], None], every_s: float) -> None:
        self._stream = stream
        self._renew = renew
        self._every_s = every_s
        self._due_at = time.monotonic() + every_s

    @classmethod
    @contextmanager
    def of(cls, request: Request, renew: Callable[[], None], every_s: float) -> Iterator[None]:
        """Let the body of a request be read in this way while the block runs."""
        stream = request.environ[_INPUT]
        request.environ[_INPUT] = cls(stream, renew, every_s)
        try:
            yield
        finally:
            request.environ[_INPUT] = stream

    def read(self, size: int = -1) -> bytes:
        """Read up to so many bytes."""
        now = time.monotonic()
        if now >= self._due_at:
            self._due_at = now + self._every_s
            self._renew()
        data: bytes = self._stream.read(size)
        return data
