"""Amends: correct rows that this process wrote after it had lost its claims."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator, Sequence

from common.claims.base import Claim, Claims, Left, Verdict
from common.errors import ServiceError
from worker.late_writes.correction import Correction
from worker.late_writes.late import Late

log = logging.getLogger(__name__)

# Seconds between attempts while another owner holds an image.
_PAUSE_S = 0.1
# Seconds to finish open corrections at shutdown, and then those that have begun.
_CLOSE_S, _STOP_S = 5.0, 5.0
# Images that are corrected together, in as many calls of the stores as one; few enough that their
# bytes in a bucket, which take some requests for each, do not keep a worker from ending.
_IMAGES = 16


class Amends:
    """Corrects images that this process may have written too late.

    Each image is claimed again, and the store is made to match the state that the last
    owner to settle the image left (``Claims.left``). If none is recorded, no owner settled
    the image, and its row stays. A separate thread does this, because the writer must not
    wait for a claim that its own process may hold.

    Args:
        claims: The claims on images.
        correction: Corrects images that are claimed.
    """

    def __init__(self, claims: Claims, correction: Correction) -> None:
        self._claims = claims
        self._correction = correction
        # By tenant, image and job.
        self._open: dict[tuple[str, str, str], Late] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, late: Sequence[Late]) -> None:
        """Queue rows written or deleted under a lost claim for correction."""
        if not late:
            return
        with self._changed:
            self._open |= {each.key: each for each in late}
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="amends", daemon=True)
                self._thread.start()

    def concern(self, tenant: str, ids: Sequence[str]) -> bool:
        """Return whether one of these images awaits correction; callers must wait until then."""
        with self._changed:
            return any(owner == tenant and open_id in ids for owner, open_id, _ in self._open)

    def close(self) -> None:
        """Wait briefly for open corrections to finish, and end the thread between two of them."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, _CLOSE_S)
            self._closing.set()
            thread = self._thread
        if thread is not None:
            # A process that exits within a correction leaves claims behind, as if it had died.
            thread.join(_STOP_S)
        with self._changed:
            for tenant, image_id, _ in self._open:
                log.error("amends.not_made tenant=%s id=%s", tenant, image_id)

    def _run(self) -> None:
        while late := self._next():
            for page in _pages(late):
                if self._closing.is_set():
                    break
                self._done(self._try(page))
            if self._open:
                self._closing.wait(_PAUSE_S)

    def _next(self) -> list[Late]:
        """Return the open corrections; if there are none, the thread ends."""
        with self._changed:
            if not self._open or self._closing.is_set():
                self._thread = None
                return []
            return list(self._open.values())

    def _done(self, corrected: Sequence[Late]) -> None:
        with self._changed:
            for late in corrected:
                # A row added meanwhile was written later, and still needs correction.
                if self._open[late.key] is late:
                    del self._open[late.key]
            self._changed.notify_all()

    def _try(self, page: Sequence[Late]) -> list[Late]:
        """Correct rows of different images of a tenant; return those that are finished."""
        try:
            return self._correct(page[0].tenant, page)
        except ServiceError as error:
            log.warning("amends.waiting images=%s %s", len(page), error)
            return []
        except Exception:
            if len(page) == 1:
                log.exception("amends.failed tenant=%s id=%s", page[0].tenant, page[0].id)
                return [*page]
        # One that cannot be corrected keeps no other one from it.
        return [late for one in page if not self._closing.is_set() for late in self._try([one])]

    def _correct(self, tenant: str, page: Sequence[Late]) -> list[Late]:
        owner, ids = uuid.uuid4().hex, [late.id for late in page]
        # Isolation does not matter here: nothing is decoded that could kill the worker.
        verdicts = self._claims.take(owner, tenant, ids, alone=True)
        decided = list(zip(page, verdicts, strict=True))
        granted = [late for late, verdict in decided if verdict is Verdict.GRANTED]
        claimed = [late.id for late in granted]
        # These must have no row, and no owner holds a claim on them.
        given_up = [late for late, verdict in decided if verdict is Verdict.QUARANTINED]
        try:
            left = self._claims.left(tenant, claimed) | {late.id: Left("") for late in given_up}
            settled = [(late, left[late.id]) for late in (*granted, *given_up) if late.id in left]
            if settled:
                self._correction.make(tenant, settled)
            # If a claim was lost too, the correction itself may have come too late.
            held = self._claims.confirm([Claim(owner, tenant, each) for each in claimed])
            return given_up + [late for late, holds in zip(granted, held, strict=True) if holds]
        finally:
            self._claims.give_back(owner, tenant, claimed)


def _pages(late: Sequence[Late]) -> Iterator[list[Late]]:
    """Distribute rows to pages, each of one tenant and without two rows of one image."""
    waiting = [*late]
    while waiting:
        page: dict[str, Late] = {}
        for each in waiting:
            if each.tenant == waiting[0].tenant and len(page) < _IMAGES:
                page.setdefault(each.id, each)
        yield [*page.values()]
        waiting = [each for each in waiting if page.get(each.id) is not each]
