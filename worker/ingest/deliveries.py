"""Deliveries of ingest tasks: each ends with a result or is given back, and never lost."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from celery.exceptions import Reject
from pydantic import ValidationError

from common.contract import Message, dump
from common.errors import (
    BrokerUnavailable,
    DecoderDied,
    GlimpseError,
    ImagesBusy,
    ServiceError,
)
from common.settings import Settings
from worker.delivery.leases import Lease, Leases

log = logging.getLogger(__name__)

Payload = TypeVar("Payload", bound=Message)

# Unexpected failures of a task before its images are given up.
_FAULTS_MAX = 3
# First and longest wait for images that another task has claimed, in seconds: they take only
# as long as a batch.
_BUSY_S, _BUSY_S_MAX = 0.05, 1.0


class Interrupted(GlimpseError):
    """The worker shuts down before a task ends; the task later resumes without repeating work."""

    code = "interrupted"


class OthersFirst(GlimpseError):
    """A task has had its turn, and goes to the end of its queue."""

    code = "others_first"


@dataclass(frozen=True, slots=True)
class Work(Generic[Payload]):
    """How to run the messages of one task name.

    Attributes:
        payload: The model of their payload.
        run: Takes the payload and the owner of its claims; must be idempotent.
        give_up: Ends a payload for which ``run`` keeps failing.
    """

    payload: type[Payload]
    run: Callable[[Payload, str], Message]
    give_up: Callable[[Payload], Message]


class Deliveries:
    """Runs deliveries; each waits here, its lease renewed, while a part is unavailable.

    A task waits in its thread, not as a Celery retry: publishing a retry can fail
    during an outage of Redis, and a countdown lets a worker take messages without
    bound. After its longest wait, a task goes to the end of its queue, so that one
    that cannot proceed (because its bytes are missing, say) does not block others.

    Args:
        leases: Holds the messages.
        settings: The times to wait between attempts.
    """

    def __init__(self, leases: Leases, settings: Settings) -> None:
        self._leases = leases
        self._settings = settings
        # Distinguishes this process's claims from those of others that get the same message.
        self._process = uuid.uuid4().hex

    def run(self, tag: str, payload: dict[str, Any], work: Work[Payload]) -> dict[str, Any]:
        """Run a task and return its result.

        Args:
            tag: Delivery tag of its message.
            payload: Payload of its message.
            work: How to run it.

        Raises:
            Reject: The message is back in its queue, or this worker must not run it.
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
        """Wait for the next attempt; raise ``Reject`` if another worker is to make it."""
        if self._leases.closing.wait(pause_s):
            self._leases.give_back(lease)
            raise Reject("the worker shuts down", requeue=True)
        if not stays:
            self._leases.give_back(lease, last=True)
            raise Reject("others first", requeue=True)


class _Waits:
    """How long one delivery waits after each failure, and whether it stays in this worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tries = 0
        self._busy = 0
        # Unexpected failures.
        self.faults = 0

    def after(self, error: Exception) -> tuple[float, bool]:
        """Return the seconds to wait after an error, and whether to retry here after that."""
        if isinstance(error, Interrupted):
            return 0.0, True
        if isinstance(error, OthersFirst):
            return 0.0, False
        if isinstance(error, ImagesBusy | DecoderDied):
            self._busy += 1
            return doubled(_BUSY_S, self._busy - 1, _BUSY_S_MAX), True
        stays = self._stays(error)
        pause_s = doubled(self._settings.retry_s, self._tries, self._settings.retry_s_max)
        self._tries += 1
        return pause_s, stays or pause_s < self._settings.retry_s_max

    def _stays(self, error: Exception) -> bool:
        """Log an error; return whether the task waits here without limit."""
        if isinstance(error, ServiceError):
            log.warning("ingest.retry code=%s %s", error.code, error)
            return isinstance(error, BrokerUnavailable)
        if isinstance(error, ValidationError):
            # Sent by an API of another version; a worker of that version may take it.
            log.error("ingest.unreadable", exc_info=error)
            return False
        log.error("ingest.fault", exc_info=error)
        self.faults += 1
        return True


def doubled(first_s: float, tries: int, longest_s: float) -> float:
    """Return the seconds to wait after ``tries`` attempts: doubling, up to a limit."""
    return min(first_s * 2.0 ** min(tries, 30), longest_s)
