"""Bulk upload: packs files into upload requests, and follows the jobs until they end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import chain
from typing import Any, TypeVar

from cli.bulk.archives import Archive
from cli.bulk.daemon_pool import DaemonPool
from cli.bulk.deliver import Delivery, deliver
from cli.bulk.follow import FollowedJobs, look_at
from cli.bulk.hashing import hash_pictures
from cli.bulk.missing import Missing
from cli.bulk.pictures import Picture, Unreadable
from cli.bulk.progress import UploadProgress
from cli.bulk.shared_job import SharedJob
from cli.bulk.summary import Summary
from cli.bulk.tally import Tally
from cli.bulk.upload_requests import PictureSet, UploadRequest, known_sets, pack
from cli.bulk.wanted import Wanted
from glimpse_client import Glimpse
from glimpse_client.answers import Look

# Default number of concurrent uploads.
CONNECTIONS = 4
# Number of hashing threads: enough for a disk and a few cores.
_HASHERS = 4
# Maximum seconds between progress reports.
_REPORT_S = 0.25
_NOTHING = Wanted()

Result = TypeVar("Result")


class Upload:
    """One bulk upload. All pictures are in one job; each archive has a job of its own.

    The thread that runs it only schedules work and records results; other threads
    wait for the disk and the server. Each stage produces its next item only when
    the following stage has room, so memory is bounded for any number of pictures.

    Args:
        client: Connects to the server.
        connections: Maximum number of concurrent upload requests.
        wanted: The tags of the pictures, and what to do with those that the server already has.
        name: Name of the job, by which a later run resumes it.
        unreadable: Receives the files that cannot be read; may already contain some.
    """

    def __init__(
        self,
        client: Glimpse,
        connections: int = CONNECTIONS,
        wanted: Wanted = _NOTHING,
        unreadable: list[Unreadable] | None = None,
        name: str | None = None,
    ) -> None:
        self._unreadable = [] if unreadable is None else unreadable
        self._client = client
        self._connections = connections
        # Whether the server has all pictures and archives, so that nothing is left to resume.
        self.is_complete = False
        self._shared_job = SharedJob(client, name, wanted)
        self._missing = Missing(client, wanted.on_duplicate)
        self._jobs = FollowedJobs()
        self._tally = Tally(self._missing, self._jobs, self._unreadable)
        # One thread finds files to send; the other polls the jobs.
        self._lookups = DaemonPool(2)
        self._senders = DaemonPool(connections)
        # Running work, and the function that handles its result.
        self._pending: dict[Future[Any], Callable[[Any], None]] = {}
        self._requests: Iterator[UploadRequest] = iter(())
        self._finding = self._all_found = self._polling = self._completing = False
        # Requests ready to be sent, and the number of requests in flight.
        self._ready: deque[UploadRequest] = deque()
        self._sending = 0

    def run(
        self,
        pictures: Iterable[Picture],
        archives: Iterable[Archive] = (),
        on_progress: Callable[[UploadProgress], None] = lambda _: None,
    ) -> Summary:
        """Upload all pictures and archives, and return when all their jobs have ended.

        Args:
            pictures: Consumed lazily.
            archives: Sent before the pictures.
            on_progress: Called regularly with the progress.

        Raises:
            ClientError: The server refused a request, or was unavailable for too long.
        """
        began = time.monotonic()
        looks, *before = self._shared_job.resume()
        self._missing.sent_before, self._missing.indexed_before = before
        self._follow(looks)
        with DaemonPool(_HASHERS) as hashers, self._lookups, self._senders:
            hashed = self._tally.count_hashed(hash_pictures(pictures, hashers, self._unreadable))
            self._requests = chain(archives, pack(self._missing.among(hashed)), self._known())
            while self._start_work():
                self._collect_results()
                on_progress(self._progress())
        return self._tally.summarize(self._client, time.monotonic() - began)

    def _known(self) -> Iterator[UploadRequest]:
        """Yield the pictures that need not be sent but tagged, once all of them are known."""
        wanted = self._shared_job.wanted
        if wanted.tags and wanted.on_duplicate != "keep":
            yield from known_sets(self._missing.known_ids)

    @property
    def accepted(self) -> int:
        """The number of files that the server has accepted so far."""
        return self._tally.progress.accepted

    @property
    def unfinished(self) -> list[str]:
        """The IDs of the jobs that have not ended, oldest first."""
        return self._jobs.unfinished

    def _start_work(self) -> bool:
        """Start as much work as there is room for, and return whether any work is unfinished."""
        if not (self._finding or self._all_found) and len(self._ready) < self._connections:
            self._finding = True
            self._track(self._on_found, self._lookups.submit(next, self._requests, None))
        if self._all_found:
            for replacement in self._tally.replacements():
                self._on_found(replacement)
        while self._ready and self._sending < self._connections:
            self._sending += 1
            request = self._ready.popleft()
            sent = self._senders.submit(deliver, self._client, request, self._shared_job)
            self._track(self._on_delivered, sent)
        if self._all_found and not (self._ready or self._sending or self._completing):
            self._completing = True
            self._track(self._on_completed, self._lookups.submit(self._shared_job.complete))
        if not self._polling and (due := self._jobs.due()):
            self._polling = True
            self._track(self._on_polled, self._lookups.submit(look_at, self._client, due))
        return bool(self._pending) or not self._jobs.ended

    def _track(self, handle: Callable[[Result], None], future: Future[Result]) -> None:
        self._pending[future] = handle

    def _collect_results(self) -> None:
        """Wait briefly for results and handle them."""
        if self._pending:
            done, _ = wait(self._pending, _REPORT_S, FIRST_COMPLETED)
            for future in done:
                self._pending.pop(future)(future.result())
        else:
            time.sleep(_REPORT_S)

    def _progress(self) -> UploadProgress:
        progress = self._tally.progress
        progress.total, progress.done = self._jobs.count()
        return progress

    def _on_found(self, request: UploadRequest | None) -> None:
        self._finding = False
        if request is None:
            self._all_found = True
        else:
            self._ready.append(request)
            self._tally.progress.to_send += request.files

    def _on_delivered(self, delivery: Delivery) -> None:
        self._sending -= 1
        request = delivery.request
        if delivery.cancelled:
            self._ready.clear()
            self._requests, self._all_found = iter(()), True
        elif delivery.refused and isinstance(request, PictureSet) and request.files > 1:
            self._ready.extend(request.halves())
        else:
            self._tally.record(delivery)

    def _follow(self, looks: Sequence[Look]) -> None:
        # A job without pictures is none to report: the files vanished before they were sent.
        filled = [look for look in looks if look.job.total or look.job.state == "cancelled"]
        for look in filled:
            self._jobs.begin(look)
        self._jobs.update(filled)

    def _on_completed(self, looks: Sequence[Look]) -> None:
        self.is_complete = True
        self._follow(looks)

    def _on_polled(self, looks: Iterable[Look]) -> None:
        self._polling = False
        self._jobs.update(looks)
