"""Callers that upload and search without a pause, through the Python client as it is shipped."""

from __future__ import annotations

import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Self

from glimpse_client import Glimpse, Job
from glimpse_client.errors import ClientError
from tests.support.pictures import jpeg
from tests.support.polling import wait_for

log = logging.getLogger(__name__)

# Callers of each kind.
_CALLERS = 2
# Pictures of an upload.
_PICTURES = 3
# Seconds between two requests of a caller.
_PAUSE_S = 0.25
# Seconds for requests to be answered, and for jobs to finish.
_ANSWER_S, _JOB_S = 120.0, 120.0


class Traffic:
    """Uploads distinct pictures and searches until it is closed.

    Args:
        url: Address of the service.

    Attributes:
        jobs: The jobs of all accepted uploads, as of their acceptance.
        files: The bytes of all pictures whose upload was accepted.
        searches: Number of searches that were answered with hits or without.
        errors: Requests that the client gave up.
    """

    def __init__(self, url: str) -> None:
        self._glimpse = Glimpse(url)
        self.jobs: list[Job] = []
        self.files: list[bytes] = []
        self.searches = 0
        self.errors: list[ClientError] = []
        self._lock = threading.Lock()
        self._seeds = itertools.count()
        self._closing = threading.Event()
        self._callers = [
            threading.Thread(target=self._call, args=[request])
            for request in [self._upload, self._search] * _CALLERS
        ]

    def flow(self, count: int = 1) -> None:
        """Wait until requests that begin from now on are answered, and their images are indexed.

        Args:
            count: Number of uploads, and of searches.
        """
        # What is in progress now may have begun before.
        jobs, searches = (done + _CALLERS + count for done in (len(self.jobs), self.searches))
        wait_for(lambda: len(self.jobs) >= jobs, _ANSWER_S, "uploads to be accepted")
        wait_for(lambda: self.searches >= searches, _ANSWER_S, "searches to be answered")
        for job in self.jobs[jobs - count : jobs]:
            self._glimpse.wait(job, _JOB_S)

    def ended(self) -> list[Job]:
        """Stop, and return all jobs once they have finished."""
        self._stop()
        return [self._glimpse.wait(job, _JOB_S) for job in self.jobs]

    def __enter__(self) -> Self:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._glimpse.close()

    def _stop(self) -> None:
        self._closing.set()
        for caller in self._callers:
            caller.join()

    def _call(self, request: Callable[[], None]) -> None:
        while not self._closing.is_set():
            try:
                request()
            except ClientError as error:
                log.exception("traffic.request_lost")
                self.errors.append(error)
            time.sleep(_PAUSE_S)

    def _upload(self) -> None:
        seeds = [next(self._seeds) for _ in range(_PICTURES)]
        files = [jpeg(seed) + uuid.uuid4().bytes for seed in seeds]
        named = [(f"{seed}.jpg", data) for seed, data in zip(seeds, files, strict=True)]
        job = self._glimpse.upload(*named)
        with self._lock:
            self.jobs.append(job)
            self.files += files

    def _search(self) -> None:
        self._glimpse.search("a red picture", top_k=3)
        with self._lock:
            self.searches += 1
