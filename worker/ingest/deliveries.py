"""One delivery of an ingest task: run until it has a result, or given back; never dropped."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from celery.exceptions import Reject
from pydantic import ValidationError

from common.contract import Message, dump
from common.errors import BrokerUnavailable, GlimpseError, ImagesBusy, ServiceError
from common.settings import Settings
from worker.delivery.leases import Lease, Leases

log = logging.getLogger(__name__)

Payload = TypeVar("Payload", bound=Message)

# How often a task may fail in a way that nobody foresaw before its images are given up.
_FAULTS_MAX = 3
# First and longest wait for images that another task has in hand, in seconds: it is at them
# now, and they take as long as a batch does.
_BUSY_S, _BUSY_S_MAX = 0.05, 1.0


class Interrupted(GlimpseError):
    """The worker ends before a task does; what is done of it need not be done again."""

    code = "interrupted"


@dataclass(frozen=True, slots=True)
class Work(Generic[Payload]):
    """What is to be done with the messages of one task name.

    Attributes:
        payload: What their payload is.
        run: Takes the payload and the owner of what is claimed; running it again changes nothing.
        give_up: Ends what ``run`` cannot.
    """

    payload: type[Payload]
    run: Callable[[Payload, str], Message]
    give_up: Callable[[Payload], Message]


class Deliveries:
    """Runs deliveries; while a part is away one waits here, its lease renewed.

    It waits in its thread and not as a Celery retry: publishing a retry may fail
    while Redis is away, and a countdown lets a worker take messages without
    bound. A task that has waited its longest goes behind all others, so that
    one that cannot go on (its bytes are gone, say) holds nobody up.

    Args:
        leases: Holds the messages meanwhile.
        settings: How long to wait between two tries.
    """

    def __init__(self, leases: Leases, settings: Settings) -> None:
        self._leases = leases
        self._settings = settings
        # Tells this process's claims from those of others that get the same message.
        self._process = uuid.uuid4().hex

    def run(self, tag: str, payload: dict[str, Any], work: Work[Payload]) -> dict[str, Any]:
        """Return the task's result.

        Args:
            tag: Delivery tag of its message.
            payload: What the message carries.
            work: What to do with it.

        Raises:
            Reject: The message is back in its queue, or never was this worker's to run.
        """
        lease = self._leases.begin(tag)
        if lease is None:
            raise Reject("not begun", requeue=True)
        waits = _Waits(self._settings)
        while True:
            try:
                return self._attempt(tag, payload, work, give_up=waits.faults >= _FAULTS_MAX)
            except Exception as error:
                pause_s, stays = waits.after(error)
            self._wait(lease, pause_s, stays)

    def _attempt(
        self, tag: str, payload: dict[str, Any], work: Work[Payload], give_up: bool
    ) -> dict[str, Any]:
        message = work.payload.model_validate(payload)
        if give_up:
            return dump(work.give_up(message))
        return dump(work.run(message, f"{self._process}:{tag}"))

    def _wait(self, lease: Lease, pause_s: float, stays: bool) -> None:
        """Wait for the next try; raise ``Reject`` where there is none here."""
        if self._leases.closing.wait(pause_s):
            self._leases.give_back(lease)
            raise Reject("the worker ends", requeue=True)
        if not stays:
            self._leases.give_back(lease, last=True)
            raise Reject("others first", requeue=True)


class _Waits:
    """How long one delivery waits after each of its failures, and where."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tries = 0
        self._busy = 0
        # Failures that nobody foresaw.
        self.faults = 0

    def after(self, error: Exception) -> tuple[float, bool]:
        """Return the seconds to wait after an error, and whether to try again here after that."""
        if isinstance(error, Interrupted):
            return 0.0, True
        if isinstance(error, ImagesBusy):
            self._busy += 1
            return doubled(_BUSY_S, self._busy - 1, _BUSY_S_MAX), True
        stays = self._stays(error)
        pause_s = doubled(self._settings.retry_s, self._tries, self._settings.retry_s_max)
        self._tries += 1
        return pause_s, stays or pause_s < self._settings.retry_s_max

    def _stays(self, error: Exception) -> bool:
        """Log an error; return whether it is waited for here however long it takes."""
        if isinstance(error, ServiceError):
            log.warning("ingest.retry code=%s %s", error.code, error)
            return isinstance(error, BrokerUnavailable)
        if isinstance(error, ValidationError):
            # An API of another version sent it; a worker of that version may come.
            log.error("ingest.unreadable", exc_info=error)
            return False
        log.error("ingest.fault", exc_info=error)
        self.faults += 1
        return True


def doubled(first_s: float, tries: int, longest_s: float) -> float:
    """Return the seconds to wait after so many tries: doubling, up to a limit."""
    return min(first_s * 2.0 ** min(tries, 30), longest_s)
