"""Renews what a request holds while its body is received, which may be slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Request

# Key of a request's input in the WSGI environment.
_INPUT = "wsgi.input"


class RenewingInput:
    """A request's input that calls a function periodically while it is read.

    Args:
        stream: The input.
        renew: Called on a read if enough time has passed since the last call.
        every_s: Minimum seconds between two calls.
    """

    def __init__(self, stream: Any, renew: Callable[[], None], every_s: float) -> None:
        self._stream = stream
        self._renew = renew
        self._every_s = every_s
        self._due_at = time.monotonic() + every_s

    @classmethod
    @contextmanager
    def of(cls, request: Request, renew: Callable[[], None], every_s: float) -> Iterator[None]:
        """Replace a request's input for the duration of the block."""
        stream = request.environ[_INPUT]
        request.environ[_INPUT] = cls(stream, renew, every_s)
        try:
            yield
        finally:
            request.environ[_INPUT] = stream

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes."""
        now = time.monotonic()
        if now >= self._due_at:
            self._due_at = now + self._every_s
            self._renew()
        data: bytes = self._stream.read(size)
        return data
