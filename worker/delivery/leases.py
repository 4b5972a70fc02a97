"""Leases: a worker keeps the messages it holds while it lives, and loses them when it dies.

A message is stamped with the time of its delivery. Workers treat a message
whose stamp is older than the lease as abandoned. A thread here renews the
stamps of all held messages every third of a lease, so that leases can be short
even if tasks are slow.
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

from common.broker.names import purpose_of
from common.claims.base import Claims
from common.errors import BrokerUnavailable
from worker.delivery.messages import Delivered, Messages

log = logging.getLogger(__name__)

# Renewals per lease: two may fail before it expires.
_RENEWALS_PER_LEASE = 3
# Maximum pause after a failed renewal, in seconds: Redis may be back at any moment.
_FAILED_PAUSE_S = 1.0
# Minimum time that Redis must have answered before a worker looks for abandoned messages,
# in seconds: after an outage, other workers need time to renew theirs first.
_STEADY_S_MIN = 5.0
# Seconds to wait for threads to stop.
_STOP_S = 5.0


@dataclass(eq=False, slots=True)
class Lease:
    """A message held by this process, from its delivery until it is settled or given back."""

    message: Delivered
    # Whether its task has started; until then, another worker may take it.
    begun: bool = False
    # Whether it is known to be among the delivered messages in Redis, and whether it may be.
    noted: bool = False
    perhaps_noted: bool = False


class Leases:
    """The messages that this process holds, and the thread that renews their leases.

    Changes are written to Redis at once or, during an outage, as soon as it
    answers; callers need not care which. A message keeps its delivery tag when it
    is redelivered, so a lease ends only once: an ended lease writes nothing more.

    Args:
        messages: The delivered messages.
        lease_s: Seconds without renewal after which another worker may take a message.
        claims: The claims on images; they are renewed and given back with the messages.
        slots: Returns the number of messages to hold now, given the number of threads.
        on_missed: Called when a renewal fails; must not raise.
    """

    def __init__(
        self,
        messages: Messages,
        lease_s: float,
        claims: Claims | None = None,
        slots: Callable[[int], int] = lambda threads: threads,
        on_missed: Callable[[], None] = lambda: None,
    ) -> None:
        self._messages = messages
        self._claims = claims
        self._slots = slots
        self._on_missed = on_missed
        self._lease_s = lease_s
        self._interval_s = lease_s / _RENEWALS_PER_LEASE
        self._steady_s = max(self._interval_s, _STEADY_S_MIN)
        # By delivery tag.
        self._held: dict[str, Lease] = {}
        # Writes that Redis has not received yet, in order.
        self._unsent: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        # Number of leases being ended at the moment.
        self._endings = 0
        self._ended = threading.Condition()
        self._steady_since: float | None = None
        self._stopped = threading.Event()
        # Ends the thread's pause, because there are unsent writes.
        self._wake = threading.Event()
        # Set when the worker shuts down: no task starts any more, and waits end.
        self.closing = threading.Event()
        # Unix time at which the consumer last polled; None before it has.
        self.asked_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Start renewing leases."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; the leases of messages still held expire."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_S)

    def held(self) -> int:
        """Return the number of messages held."""
        return len(self._held)

    def held_of(self, purpose: str) -> int:
        """Return the number of messages held from the queues of a purpose."""
        return sum(purpose_of(lease.message.queue) == purpose for lease in self._snapshot())

    def has_room(self, threads: int) -> bool:
        """Return whether another message may be held; the consumer polls this."""
        self.asked_at = time.time()
        return self.held() < self._slots(threads)

    def hold(self, message: Delivered, *, briefly: bool = False) -> Lease:
        """Hold a delivered message; during an outage of Redis it is noted there later.

        It has already left its queue, so refusing it would lose it.

        Args:
            message: The message.
            briefly: Whether it is settled before its task runs, which loses it if the worker is
                killed then. It is noted only if no thread begins it before the next renewal.
        """
        lease = Lease(message)
        with self._lock:
            self._held[message.tag] = lease
        if briefly:
            return lease
        try:
            self._note(lease)
        except BrokerUnavailable as error:
            log.warning("lease.not_noted tag=%s %s", message.tag, error)
            self._wake.set()
        return lease

    def begin(self, tag: str) -> Lease | None:
        """Mark a message's task as started; None means that this worker must not run it."""
        with self._lock:
            lease = self._held.get(tag)
            if lease is None or self.closing.is_set():
                return None
            lease.begun = True
            return lease

    def take(self, tag: str) -> bool:
        """Settle a message before its task runs; return whether this worker may run it.

        For tasks that must not run twice: a worker that was frozen for longer than a lease resumes
        with messages that others have taken, and perhaps run, meanwhile. Whoever settles a message
        first may run it.

        Raises:
            BrokerUnavailable: Redis does not answer; the message is redelivered.
        """
        with self._lock:
            lease = self._held.get(tag)
        if lease is None or self.closing.is_set():
            return False
        with self._ending():
            return self._end(lease) and self._messages.settle(tag)

    def settle(self, lease: Lease) -> None:
        """End the lease of a finished task; does nothing if it has already ended."""
        with self._ending():
            if self._end(lease) and lease.perhaps_noted:
                self._send(partial(self._messages.settle, lease.message.tag))

    def give_back(self, lease: Lease, *, last: bool = False) -> None:
        """End a lease and return its message to its queue; does nothing if it has already ended.

        Args:
            lease: The lease.
            last: Whether the message goes to the end of its queue.
        """
        with self._ending():
            if self._end(lease):
                put_back = self._messages.put_back
                self._send(partial(put_back, lease.message, last=last, noted=lease.noted))

    def give_back_waiting(self) -> None:
        """Give back the messages whose tasks have not started."""
        for lease in self._snapshot():
            if not lease.begun:
                self.give_back(lease)

    def give_back_all(self) -> None:
        """Give back every message held, started or not; the process may exit after this."""
        # The claims first: the next worker to get a message must not find its images claimed.
        if self._claims is not None:
            try:
                self._claims.give_back_all()
            except BrokerUnavailable as error:
                log.warning("claims.not_given_back %s", error)
        for lease in self._snapshot():
            self.give_back(lease)
        # Other threads may be ending leases at the moment.
        with self._ended:
            self._ended.wait_for(lambda: self._endings == 0, timeout=_STOP_S)

    def give_back_abandoned(self) -> None:
        """Requeue messages that other workers abandoned, if they had time to renew them."""
        since = self._steady_since
        if since is None or time.monotonic() - since < self._steady_s:
            return
        try:
            self._messages.put_back_abandoned(self._lease_s)
        except BrokerUnavailable as error:
            log.warning("lease.not_looked %s", error)

    def renew(self) -> None:
        """Send the unsent writes to Redis and renew the stamps of all held messages.

        Raises:
            BrokerUnavailable: Redis does not answer, or is full; nothing is lost.
        """
        self._messages.ping()
        while self._unsent:
            # Only this thread removes writes, so popleft() removes the one just sent.
            self._unsent[0]()
            self._unsent.popleft()
        held = self._snapshot()
        for lease in held:
            if not lease.noted:
                self._note(lease)
        self._messages.renew([lease.message.tag for lease in held])
        if self._claims is not None:
            self._claims.renew()

    def _note(self, lease: Lease) -> None:
        lease.perhaps_noted = True
        self._messages.note(lease.message)
        lease.noted = True
        with self._lock:
            over = self._held.get(lease.message.tag) is not lease
        if over:
            # The lease has ended meanwhile; the entry just written would stay forever.
            self._send(partial(self._messages.settle, lease.message.tag))

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
        """Stop holding a message and return whether it was held."""
        with self._lock:
            tag = lease.message.tag
            mine = self._held.get(tag) is lease
            if mine:
                del self._held[tag]
            return mine

    def _send(self, write: Callable[[], object]) -> None:
        """Write to Redis now or, during an outage, when it answers again."""
        try:
            write()
        except BrokerUnavailable as error:
            log.warning("lease.not_told %s", error)
            self._unsent.append(write)
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
                # Any error: if this thread ended, other workers would take all held messages.
                known = isinstance(error, BrokerUnavailable)
                log.warning("lease.not_renewed %s", error, exc_info=None if known else error)
                self._on_missed()
                self._steady_since = None
                pause_s = min(self._interval_s, _FAILED_PAUSE_S)
            else:
                self._steady_since = self._steady_since or time.monotonic()
                pause_s = self._interval_s
            self._wake.wait(pause_s)
