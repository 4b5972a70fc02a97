"""Bulk upload: files become requests, requests become jobs, and jobs come to an end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import chain
from typing import Any, TypeVar

from cli.bulk.archives import Archive
from cli.bulk.daemon_pool import Crew
from cli.bulk.deliver import Delivery, deliver
from cli.bulk.follow import Following, look_at
from cli.bulk.hashing import hash_pictures
from cli.bulk.missing import Missing
from cli.bulk.progress import UploadProgress
from cli.bulk.summary import Summary
from cli.bulk.tally import Ledger
from cli.bulk.upload_requests import Load, Parcel, pack
from cli.pictures import Picture, Unreadable
from glimpse_client import Glimpse
from glimpse_client.answers import Look

# Connections that upload at the same time, unless told otherwise.
CONNECTIONS = 4
# Threads that hash: as many as a disk and a few cores have use for.
_HASHERS = 4
# Longest time between two reports of progress, in seconds.
_REPORT_S = 0.25

Result = TypeVar("Result")


class Upload:
    """One bulk upload.

    The thread that runs it hands out work and keeps the books; it never waits
    for the disk or the server itself. Each stage is asked for its next piece
    only when there is room for it behind, so memory is bounded however many
    pictures there are.

    Args:
        client: The server's.
        connections: Requests with pictures that are under way at the same time.
        tags: Tags that the pictures get.
        unreadable: Takes what turns out to be unreadable, and may hold some of it.
    """

    def __init__(
        self,
        client: Glimpse,
        connections: int = CONNECTIONS,
        tags: Sequence[str] = (),
        unreadable: list[Unreadable] | None = None,
    ) -> None:
        self._unreadable = [] if unreadable is None else unreadable
        self._client = client
        self._connections = connections
        self._tags = tags
        self._missing = Missing(client)
        self._following = Following()
        self._ledger = Ledger(self._missing, self._following, self._unreadable)
        # Finds what to send, and asks after the jobs.
        self._scouts = Crew(2)
        self._senders = Crew(connections)
        # Work that was handed out, and who takes its result.
        self._pending: dict[Future[Any], Callable[[Any], None]] = {}
        self._loads: Iterator[Load] = iter(())
        self._finding = self._all_found = self._looking = False
        # What is ready to be sent, and how many requests are under way.
        self._ready: deque[Load] = deque()
        self._sending = 0

    def run(
        self,
        pictures: Iterable[Picture],
        archives: Iterable[Archive] = (),
        on_progress: Callable[[UploadProgress], None] = lambda _: None,
    ) -> Summary:
        """Send all pictures and archives, and return when all their jobs have ended.

        Args:
            pictures: Gone through as far as there is room for what is found.
            archives: Sent before the pictures.
            on_progress: Told from time to time how far it is.

        Raises:
            ClientError: The server refused, or was away for too long.
        """
        began = time.monotonic()
        with Crew(_HASHERS) as hashers, self._scouts, self._senders:
            hashed = self._ledger.hashed(hash_pictures(pictures, hashers, self._unreadable))
            self._loads = chain(archives, pack(self._missing.among(hashed)))
            while self._hand_out():
                self._take_in()
                on_progress(self._progress())
        return self._ledger.sum_up(self._client, time.monotonic() - began)

    @property
    def accepted(self) -> int:
        """Files that the server took so far."""
        return self._ledger.progress.accepted

    def _hand_out(self) -> bool:
        """Begin what there is room for, and return whether anything is to be waited for."""
        if not (self._finding or self._all_found) and len(self._ready) < self._connections:
            self._finding = True
            self._begin(self._found, self._scouts.submit(next, self._loads, None))
        if self._all_found:
            for parcel in self._ledger.replacements():
                self._found(parcel)
        while self._ready and self._sending < self._connections:
            self._sending += 1
            load = self._ready.popleft()
            sent = self._senders.submit(deliver, self._client, load, self._tags)
            self._begin(self._delivered, sent)
        if not self._looking and (due := self._following.due()):
            self._looking = True
            self._begin(self._looked, self._scouts.submit(look_at, self._client, due))
        return bool(self._pending) or not self._following.ended

    def _begin(self, then: Callable[[Result], None], future: Future[Result]) -> None:
        self._pending[future] = then

    def _take_in(self) -> None:
        """Wait a moment for results, and note them."""
        if self._pending:
            done, _ = wait(self._pending, _REPORT_S, FIRST_COMPLETED)
            for future in done:
                self._pending.pop(future)(future.result())
        else:
            time.sleep(_REPORT_S)

    def _progress(self) -> UploadProgress:
        progress = self._ledger.progress
        progress.total, progress.done = self._following.count()
        return progress

    def _found(self, load: Load | None) -> None:
        self._finding = False
        if load is None:
            self._all_found = True
        else:
            self._ready.append(load)
            self._ledger.progress.to_send += load.files

    def _delivered(self, delivery: Delivery) -> None:
        self._sending -= 1
        load = delivery.load
        if delivery.refused and isinstance(load, Parcel) and load.files > 1:
            self._ready.extend(load.halves())
        else:
            self._ledger.delivered(delivery)

    def _looked(self, looks: Iterable[Look]) -> None:
        self._looking = False
        self._following.note(looks)
