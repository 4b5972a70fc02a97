"""Leases: what this worker holds stays its own for as long as it lives, and no longer.

A message is stamped with the time of its delivery, and whoever looks later takes
a message whose stamp is older than the lease for abandoned. Here the stamps of
all that this process holds are renewed every third of the lease, so a lease may
be short and work may be slow.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from common.claims.base import Claims
from common.errors import BrokerUnavailable
from worker.delivery.messages import Delivered, Messages

log = logging.getLogger(__name__)

# Renewals in the time of a lease: two may fail before it runs out.
_RENEWALS_PER_LEASE = 3
# Longest pause after a renewal that failed, in seconds: Redis may be back any moment.
_FAILED_PAUSE_S = 1.0
# Least time that Redis has to have answered before a worker looks for what others
# abandoned, in seconds: they may have been cut off too, and are given time to renew first.
_STEADY_S_MIN = 5.0
# Seconds that threads are given to end what they are at.
_STOP_S = 5.0


@dataclass(eq=False, slots=True)
class Lease:
    """One message that is held, from its delivery until it is settled or given back."""

    message: Delivered
    # Whether its task runs; what has not begun may go to another worker.
    begun: bool = False
    # Whether Redis is known to keep it among what is delivered.
    noted: bool = False


class Leases:
    """The messages that this process holds, and the thread that keeps them its own.

    What is to be told to Redis is told at once, or as soon as Redis answers; to a
    worker whose messages are held here it makes no difference. A message keeps its
    delivery tag when it is delivered again, so a lease ends once: of one that is
    over nothing more is told.

    Args:
        messages: Where messages are kept that are delivered.
        lease_s: Seconds after which a message that was not renewed is another's.
        claims: The images in hand; they are renewed and given back with the messages.
    """

    def __init__(self, messages: Messages, lease_s: float, claims: Claims | None = None) -> None:
        self._messages = messages
        self._claims = claims
        self._lease_s = lease_s
        self._interval_s = lease_s / _RENEWALS_PER_LEASE
        self._steady_s = max(self._interval_s, _STEADY_S_MIN)
        # By delivery tag.
        self._held: dict[str, Lease] = {}
        # What Redis has not heard yet, in order.
        self._untold: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        # How many leases are being ended at this moment.
        self._endings = 0
        self._ended = threading.Condition()
        self._steady_since: float | None = None
        self._stopped = threading.Event()
        # Ends the thread's pause: there is something that Redis has not heard.
        self._wake = threading.Event()
        # Set once the worker is to end: nothing begins any more, and waits end.
        self.closing = threading.Event()
        # When the consumer last asked for room, in seconds since 1970; None before it has.
        self.asked_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is held by now is left to its lease."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_S)

    def held(self) -> int:
        """Return how many messages are held."""
        return len(self._held)

    def has_room(self, places: int) -> bool:
        """Return whether fewer messages are held than there are places; the consumer asks."""
        self.asked_at = time.time()
        return self.held() < places

    def hold(self, message: Delivered) -> Lease:
        """Take a message on; one that Redis cannot keep now is held all the same, and kept later.

        It has left its queue already, so there is no other way to keep it than to run it.
        """
        lease = Lease(message)
        with self._lock:
            self._held[message.tag] = lease
        try:
            self._note(lease)
        except BrokerUnavailable as error:
            log.warning("lease.not_noted tag=%s %s", message.tag, error)
            self._wake.set()
        return lease

    def begin(self, tag: str) -> Lease | None:
        """Note that a task begins; None says that its message is not this worker's to run."""
        with self._lock:
            lease = self._held.get(tag)
            if lease is None or self.closing.is_set():
                return None
            lease.begun = True
            return lease

    def settle(self, lease: Lease) -> None:
        """End a lease whose task is done; nothing if it has ended."""
        with self._ending():
            if self._end(lease):
                self._tell(partial(self._messages.settle, lease.message.tag))

    def give_back(self, lease: Lease, *, last: bool = False) -> None:
        """End a lease, and put its message back into its queue; nothing if it has ended.

        Args:
            lease: The lease.
            last: Whether all others come before its message.
        """
        with self._ending():
            if self._end(lease):
                put_back = self._messages.put_back
                self._tell(partial(put_back, lease.message, last=last, noted=lease.noted))

    def give_back_waiting(self) -> None:
        """Give back what has not begun."""
        for lease in self._snapshot():
            if not lease.begun:
                self.give_back(lease)

    def give_back_all(self) -> None:
        """Give back all that is held, whether it runs or not; the process may end after that."""
        # The claims first: whoever gets a message next must not find its images claimed.
        if self._claims is not None:
            try:
                self._claims.give_back_all()
            except BrokerUnavailable as error:
                log.warning("claims.not_given_back %s", error)
        for lease in self._snapshot():
            self.give_back(lease)
        # Other threads may be in the middle of it.
        with self._ended:
            self._ended.wait_for(lambda: self._endings == 0, timeout=_STOP_S)

    def give_back_abandoned(self) -> None:
        """Put back what others abandoned, once they had time to renew after an outage."""
        since = self._steady_since
        if since is None or time.monotonic() - since < self._steady_s:
            return
        try:
            self._messages.put_back_abandoned(self._lease_s)
        except BrokerUnavailable as error:
            log.warning("lease.not_looked %s", error)

    def renew(self) -> None:
        """Tell Redis what it has not heard, and stamp anew what is held.

        Raises:
            BrokerUnavailable: Redis does not answer, or is full; nothing is forgotten.
        """
        self._messages.ping()
        while self._untold:
            # Only this thread takes away, so it is the same one that is taken.
            self._untold[0]()
            self._untold.popleft()
        held = self._snapshot()
        for lease in held:
            if not lease.noted:
                self._note(lease)
        self._messages.renew([lease.message.tag for lease in held])
        if self._claims is not None:
            self._claims.renew()

    def _note(self, lease: Lease) -> None:
        self._messages.note(lease.message)
        lease.noted = True
        with self._lock:
            over = self._held.get(lease.message.tag) is not lease
        if over:
            # It ended meanwhile, and would seem to be in hand for ever.
            self._tell(partial(self._messages.settle, lease.message.tag))

    @contextmanager
    def _ending(self) -> Iterator[None]:
        with self._ended:
            self._endings += 1
        try:
            yield
        finally:
            with self._ended:
                self._endings -= 1
                self._ended.notify_all()

    def _end(self, lease: Lease) -> bool:
        """Hold a message no longer; return whether it was held."""
        with self._lock:
            tag = lease.message.tag
            mine = self._held.get(tag) is lease
            if mine:
                del self._held[tag]
            return mine

    def _tell(self, step: Callable[[], None]) -> None:
        """Do a step in Redis now, or when it answers."""
        try:
            step()
        except BrokerUnavailable as error:
            log.warning("lease.not_told %s", error)
            self._untold.append(step)
            self._wake.set()

    def _snapshot(self) -> list[Lease]:
        with self._lock:
            return list(self._held.values())

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self.renew()
            except Exception as error:
                # Whatever it was: a thread that ended would leave all that is held to others.
                known = isinstance(error, BrokerUnavailable)
                log.warning("lease.not_renewed %s", error, exc_info=None if known else error)
                self._steady_since = None
                pause_s = min(self._interval_s, _FAILED_PAUSE_S)
            else:
                self._steady_since = self._steady_since or time.monotonic()
                pause_s = self._interval_s
            self._wake.wait(pause_s)
