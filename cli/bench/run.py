"""A load test: searches alone, then uploads and searches side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from heapq import merge

from cli.bench.cleanup import clean_up
from cli.bench.pictures import GeneratedPicture, generate_pictures, generate_texts
from cli.bench.report import Kind, Report
from cli.bench.requests import Requests, Sample
from cli.bench.searchable import Searchable
from glimpse_client import Glimpse

# Requests of each kind in progress at once.
_UPLOADS_MAX, _SEARCHES_MAX = 64, 32
# Seconds of searches before the uploads at most, and to wait for what is unanswered at the end.
_IDLE_S, _SETTLE_S = 5.0, 60.0
# Hits of a search.
_TOP_K = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        seconds: How long to upload.
        rate: Pictures per second.
        searches_per_s: Searches per second.
        pictures_max: Pictures at most; uploads end after them.
    """

    seconds: float
    rate: float
    searches_per_s: float
    pictures_max: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The requests of a load test, for a plot, and when its uploads began."""

    began_s: float
    uploads: list[Sample]
    searches: list[Sample]


class LoadTest:
    """One load test.

    Args:
        client: Opens the job and cleans up; it may retry.
        loader: Sends the load; it must not retry.
        plan: What to send.
        tag: The tag of the pictures, and the name of their job.
    """

    def __init__(self, client: Glimpse, loader: Glimpse, plan: Plan, tag: str) -> None:
        self._client, self._loader, self._plan, self._tag = client, loader, plan, tag
        self._idle_s = min(_IDLE_S, plan.seconds)
        self._job_id = ""
        # How much later than due this machine handed a request over to be sent, at most.
        self._late_s = 0.0
        # What was sent, whether or not it was accepted.
        self._sent: list[GeneratedPicture] = []
        self._pictures, self._texts = generate_pictures(tag), generate_texts()

    def run(self, say: Callable[[str], None]) -> tuple[Report, Measured]:
        """Send the load and return the figures.

        Raises:
            ClientError: The service refused to open a job, or answers no more.
        """
        # Fails at once if the key lacks a scope.
        self._client.check("0" * 64)
        self._job_id = self._client.open_job(self._tag, tags=self._tag).id
        say("Searching")
        idle, idle_began_s = self._search_alone()
        say("Uploading and searching")
        with (
            Requests(_UPLOADS_MAX) as uploads,
            Requests(_SEARCHES_MAX) as searches,
            Searchable(self._client) as searchable,
        ):
            began_s = time.monotonic()
            for due_s, send in self._schedule(uploads, searches, searchable, began_s):
                send(due_s)
            say("Waiting for the last answers")
            for each in (uploads, searches):
                each.settle(_SETTLE_S)
            self._client.complete(self._job_id)
            searchable.settle(self._is_done, _SETTLE_S)
        items = self._client.items(self._job_id, state="failed")
        found = searchable.samples({item.id: item.code or "" for item in items})
        measured = Measured(began_s, uploads.samples(), searches.samples())
        return self._report(measured, found, idle, idle_began_s), measured

    def clean_up(self) -> int:
        """Delete what was uploaded; return how many images could not be deleted."""
        if not self._job_id:
            return 0
        return clean_up(self._client, self._job_id, [picture.id for picture in self._sent])

    def _search_alone(self) -> tuple[list[Sample], float]:
        with Requests(_SEARCHES_MAX) as searches:
            began_s = time.monotonic()
            for due_s in _due(began_s, self._plan.searches_per_s, self._idle_s):
                self._search(searches, due_s)
            searches.settle(_SETTLE_S)
            return searches.samples(), began_s

    def _schedule(
        self, uploads: Requests, searches: Requests, searchable: Searchable, began_s: float
    ) -> Iterator[tuple[float, Callable[[float], None]]]:
        """Yield when each request is due, and what sends it."""
        plan = self._plan
        each_upload = list(_due(began_s, plan.rate, plan.seconds))[: plan.pictures_max]
        upload = partial(self._upload, uploads, searchable)
        search = partial(self._search, searches)
        yield from merge(
            ((due_s, upload) for due_s in each_upload),
            ((due_s, search) for due_s in _due(began_s, plan.searches_per_s, plan.seconds)),
            key=lambda request: request[0],
        )

    def _search(self, requests: Requests, due_s: float) -> None:
        text = next(self._texts)
        self._sleep_until(due_s)
        requests.send(due_s, lambda: self._loader.search(text, top_k=_TOP_K))

    def _upload(self, requests: Requests, searchable: Searchable, due_s: float) -> None:
        picture = next(self._pictures)
        self._sleep_until(due_s)

        def send() -> None:
            self._loader.upload((picture.filename, picture.data), job=self._job_id)
            searchable.expect(picture.id, due_s)

        self._sent.append(picture)
        requests.send(due_s, send)

    def _sleep_until(self, due_s: float) -> None:
        early_s = due_s - time.monotonic()
        time.sleep(max(early_s, 0))
        self._late_s = max(self._late_s, -early_s)

    def _is_done(self) -> bool:
        job = self._client.job(self._job_id)
        return job.done >= job.total

    def _report(
        self, measured: Measured, found: list[Sample], idle: list[Sample], idle_began_s: float
    ) -> Report:
        began_s, seconds = measured.began_s, self._plan.seconds
        return Report(
            url=self._client.url,
            tag=self._tag,
            seconds=seconds,
            late_ms=round(self._late_s * 1000, 1),
            bytes=sum(len(picture.data) for picture in self._sent),
            uploads=Kind.of(measured.uploads, began_s, seconds),
            searchable=Kind.of(found, began_s, seconds),
            searches_idle=Kind.of(idle, idle_began_s, self._idle_s),
            searches=Kind.of(measured.searches, began_s, seconds),
        )


def _due(began_s: float, per_s: float, seconds: float) -> Iterator[float]:
    """Yield when requests at a rate are due; at least one is."""
    for number in range(max(round(per_s * seconds), 1)):
        yield began_s + number / per_s
