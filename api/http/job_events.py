"""Server-Sent Events: a job's progress, streamed until the job ends.

The record is polled every half second. A subscription would need a Redis connection per
stream and a publication for every change, even without listeners, and the record would still
have to be read, because messages published during a reconnect are lost. Reading one hash costs
Redis a few microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from api.schemas.failure import Failure
from api.schemas.job import Job, JobEvent
from common.blocking import blocking
from common.errors import GlimpseError
from common.jobs.base import FINAL_STATES
from common.jobs.base import Job as JobRecord

MEDIA_TYPE = "text/event-stream"

# Seconds between two reads of a job, and so the minimum interval of events.
_POLL_S = 0.5
# Maximum duration of a stream, in seconds. A client that lost its network does not close the
# connection, and must not hold its slot forever; live clients reconnect.
_STREAM_S_MAX = 900.0
# Milliseconds after which clients reconnect.
_RECONNECT_MS = 2000


class JobEvents:
    """The event stream of one job.

    Every event contains the whole job, and the first is sent at once, so a client that
    reconnects misses nothing.

    Args:
        read: Returns the current job.
        view: Returns the response model of a job.
        heartbeat_s: Seconds without an event after which a comment is sent, so that proxies keep
            the connection open and a lost client is noticed.
        is_over: Returns whether the client is gone or the process is about to stop.
        now: Returns the seconds of a clock.
        sleep: Sleeps that many seconds of the clock.
    """

    def __init__(
        self,
        read: Callable[[], JobRecord],
        view: Callable[[JobRecord], Job],
        heartbeat_s: float,
        is_over: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._read = read
        self._view = view
        self._heartbeat_s = heartbeat_s
        self._is_over = is_over
        self._now = now
        self._sleep = sleep

    def __iter__(self) -> Iterator[str]:
        """Yield the pieces of the stream, sleeping between them."""
        yield f"retry: {_RECONNECT_MS}\n\n"
        try:
            yield from self._events()
        except GlimpseError as error:
            # The job has expired or Redis is unavailable; a reconnect returns the status.
            yield JobEvent.of("error", Failure(error.code, str(error))).text

    def _events(self) -> Iterator[str]:
        sent: JobRecord | None = None
        begun_at = sent_at = self._now()
        while not self._is_over() and self._now() - begun_at < _STREAM_S_MAX:
            job = self._read()
            if job.state in FINAL_STATES:
                yield JobEvent.of("end", self._view(job)).text
                return
            if job != sent:
                yield JobEvent.of("progress", self._view(job)).text
                sent, sent_at = job, self._now()
            elif self._now() - sent_at >= self._heartbeat_s:
                yield ": still there\n\n"
                sent_at = self._now()
            with blocking():
                self._sleep(_POLL_S)
