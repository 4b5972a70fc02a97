"""Server-Sent Events: a job told whenever it changes, until it has ended.

The record is read every half second. A subscription would need a connection to
Redis for each stream, and a publication at every change whether anybody listens
or not; and still the record had to be read, since what is published while a
connection is made again is lost. Reading one hash costs Redis some microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from api.schemas.failure import Failure
from api.schemas.job import Job, JobEvent
from common.errors import GlimpseError
from common.jobs.base import FINAL_STATES
from common.jobs.base import Job as JobRecord

MEDIA_TYPE = "text/event-stream"

# Seconds between two looks at a job: as many events a second as there may be, inverted.
_LOOK_S = 0.5
# Seconds that a stream lasts, at most. A client whose machine was cut off says no goodbye, and
# its place must not be held for ever; one that is there connects again.
_STREAM_S_MAX = 900.0
# Milliseconds after which a client is to connect again.
_RECONNECT_MS = 2000


class JobEvents:
    """The stream of one job.

    Every event carries the whole job, so that a client that connects again has
    missed nothing: what is told first is how the job stands.

    Args:
        look: Returns the job as it is now.
        view: Returns a job as callers see it.
        heartbeat_s: Seconds of silence after which a comment is sent, so that no proxy takes
            the connection for dead and a client that is gone is noticed.
        is_over: Tells whether nobody listens any more, or the process is about to end.
        now: Returns the seconds of a clock.
        sleep: Waits that many seconds of it.
    """

    def __init__(
        self,
        look: Callable[[], JobRecord],
        view: Callable[[JobRecord], Job],
        heartbeat_s: float,
        is_over: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._look = look
        self._view = view
        self._heartbeat_s = heartbeat_s
        self._is_over = is_over
        self._now = now
        self._sleep = sleep

    def __iter__(self) -> Iterator[str]:
        """Go through the pieces of the stream; in between it waits."""
        yield f"retry: {_RECONNECT_MS}\n\n"
        try:
            yield from self._events()
        except GlimpseError as error:
            # The job has expired, or Redis is away; connected again, the client sees which.
            yield JobEvent.of("error", Failure(error.code, str(error))).text

    def _events(self) -> Iterator[str]:
        told: JobRecord | None = None
        begun_at = told_at = self._now()
        while not self._is_over() and self._now() - begun_at < _STREAM_S_MAX:
            job = self._look()
            if job.state in FINAL_STATES:
                yield JobEvent.of("end", self._view(job)).text
                return
            if job != told:
                yield JobEvent.of("progress", self._view(job)).text
                told, told_at = job, self._now()
            elif self._now() - told_at >= self._heartbeat_s:
                yield ": still there\n\n"
                told_at = self._now()
            self._sleep(_LOOK_S)
