"""One delivery of a chunk: run until it has outcomes, or given back; never dropped."""

from __future__ import annotations

import logging
from typing import Any

from celery.exceptions import Reject
from pydantic import ValidationError

from common.contract import IngestChunk, dump
from common.errors import BrokerUnavailable, ServiceError
from common.settings import Settings
from worker.ingest import Ingest
from worker.leases import Leases

log = logging.getLogger(__name__)

# How often a chunk may fail in a way that nobody foresaw before its images are given up.
_FAULTS_MAX = 3


class Chunks:
    """Runs chunks; while a part is away a chunk waits here, its lease renewed.

    It waits in its thread and not as a Celery retry: publishing a retry may fail
    while Redis is away, and a countdown lets a worker take messages without
    bound. A chunk that has waited its longest goes behind all others, so that
    one that cannot go on (its bytes are gone, say) holds nobody up.

    Args:
        ingest: Does the work.
        leases: Holds the chunk's message meanwhile.
        settings: How long to wait between two tries.
    """

    def __init__(self, ingest: Ingest, leases: Leases, settings: Settings) -> None:
        self._ingest = ingest
        self._leases = leases
        self._settings = settings

    def run(self, tag: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Return the chunk's result.

        Args:
            tag: Delivery tag of its message.
            payload: An ``IngestChunk``.

        Raises:
            Reject: The message is back in its queue, or never was this worker's to run.
        """
        if not self._leases.begin(tag):
            raise Reject("not begun", requeue=True)
        tries = faults = 0
        while True:
            try:
                return self._attempt(payload, give_up=faults >= _FAULTS_MAX)
            except ServiceError as error:
                log.warning("ingest.retry code=%s %s", error.code, error)
                stays = isinstance(error, BrokerUnavailable)
            except ValidationError:
                # An API of another version sent it; a worker of that version may come.
                log.exception("ingest.unreadable")
                stays = False
            except Exception:
                log.exception("ingest.fault")
                faults, stays = faults + 1, True
            self._wait(tag, tries, stays)
            tries += 1

    def _attempt(self, payload: dict[str, Any], give_up: bool) -> dict[str, Any]:
        chunk = IngestChunk.model_validate(payload)
        return dump(self._ingest.give_up(chunk) if give_up else self._ingest.run(chunk))

    def _wait(self, tag: str, tries: int, stays: bool) -> None:
        """Wait for the next try; raise ``Reject`` where there is none here."""
        wait_s = retry_wait_s(tries, self._settings)
        if self._leases.closing.wait(wait_s):
            self._leases.give_back(tag)
            raise Reject("the worker ends", requeue=True)
        if wait_s >= self._settings.retry_s_max and not stays:
            self._leases.give_back(tag, last=True)
            raise Reject("others first", requeue=True)


def retry_wait_s(tries: int, settings: Settings) -> float:
    """Return the seconds to wait before the next try: doubling, up to a limit."""
    return min(settings.retry_s * 2.0 ** min(tries, 30), settings.retry_s_max)
