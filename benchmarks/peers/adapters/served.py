"""The program around an adapter: JSON commands on standard input, JSON replies on the output.

A command is ``{"do": NAME, ...}``. Its reply is ``{"done": {...}}`` or ``{"error": TEXT}``; before
it, an ingest writes ``{"embedded": COUNT}`` after each batch.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

# Hits of a search, the default of Glimpse's API.
TOP_K = 10
# Characters of an error that are reported.
_ERROR_CHARACTERS = 1500

# Called with the number of pictures of a batch that were embedded.
Embedded = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a peer is opened with.

    Attributes:
        checkpoints: Folder of the model's formats; see ``places``.
        store: The peer's own folder, kept from one process to the next.
        milvus: URI of a Milvus, for peers without a store.
        batch: Pictures per batch.
        precision: "fp32" or "bf16".
    """

    checkpoints: Path
    store: Path
    milvus: str
    batch: int
    precision: str


class Adapter(Protocol):
    """What an adapter lets its peer do."""

    def ingest(self, folder: Path, embedded: Embedded) -> None:
        """Make every JPEG in a folder of folders searchable."""

    def search(self, text: str) -> Sequence[str]:
        """Return the paths of the nearest pictures."""

    def searchable(self) -> int:
        """Return the number of pictures that searches find."""


def serve(open_peer: Callable[[Opening], Adapter]) -> None:
    """Execute commands until the input ends."""
    replies = _private_output()
    program = _Program(open_peer, replies)
    for line in sys.stdin:
        try:
            reply: dict[str, Any] = {"done": program.run(**json.loads(line))}
        except Exception:
            reply = {"error": traceback.format_exc()[-_ERROR_CHARACTERS:]}
        _write(replies, reply)
    # Some peers have threads that never end.
    os._exit(0)


def _private_output() -> TextIO:
    """Return the standard output, and let all that packages print go to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def _write(replies: TextIO, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


class _Program:
    """The commands, on one peer at a time."""

    def __init__(self, open_peer: Callable[[Opening], Adapter], replies: TextIO) -> None:
        self._open_peer = open_peer
        self._replies = replies
        self._peer: Adapter | None = None

    def run(self, do: str, **given: Any) -> dict[str, Any]:
        found: dict[str, Any] = getattr(self, f"_{do}")(**given)
        return found

    @property
    def _opened(self) -> Adapter:
        assert self._peer is not None, "nothing is open"
        return self._peer

    def _open(self, checkpoints: str, store: str, **rest: Any) -> dict[str, Any]:
        self._peer = self._open_peer(Opening(Path(checkpoints), Path(store), **rest))
        return {}

    def _ingest(self, folder: str, beside: Sequence[str] = ()) -> dict[str, Any]:
        """Ingest a folder; search for the texts again and again until that has ended."""
        embedded: list[int] = []

        def note(count: int) -> None:
            embedded.append(count)
            _write(self._replies, {"embedded": sum(embedded)})

        begun = time.perf_counter()
        with ThreadPoolExecutor(1) as thread:
            ended = thread.submit(self._opened.ingest, Path(folder), note)
            ms = list(self._searches_until(ended, beside))
            ended.result()
        seconds = time.perf_counter() - begun
        return {"seconds": seconds, "embedded": sum(embedded), "ms": ms}

    def _searches_until(self, ended: Future[None], texts: Sequence[str]) -> Iterator[float]:
        for text in itertools.cycle(texts):
            if ended.done():
                return
            yield self._timed(text)

    def _search(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"ms": [self._timed(text) for text in texts]}

    def _timed(self, text: str) -> float:
        """Return the milliseconds of a search, which must find something."""
        begun = time.perf_counter()
        found = self._opened.search(text)
        ms = (time.perf_counter() - begun) * 1000
        assert len(found), "a search found nothing"
        return ms

    def _searchable(self) -> dict[str, Any]:
        return {"searchable": self._opened.searchable()}
