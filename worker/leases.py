"""Leases: what this worker holds stays its own for as long as it lives, and no longer.

kombu stamps a message with the time of its delivery, and whoever looks later
takes a message whose stamp is older than the lease for abandoned. Here the
stamps of all that this process holds are renewed every third of the lease, so a
lease may be short and work may be slow.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kombu.transport.redis import Channel
from redis import Redis
from redis.exceptions import RedisError

from common.claims.base import Claims
from common.errors import BrokerUnavailable

log = logging.getLogger(__name__)

# Renewals in the time of a lease: two may fail before it runs out.
_RENEWALS_PER_LEASE = 3
# Longest pause after a renewal that failed, in seconds: Redis may be back any moment.
_FAILED_PAUSE_S = 1.0
# Least time that Redis has to have answered before a worker looks for what others
# abandoned, in seconds: they may have been cut off too, and are given time to renew first.
_STEADY_S_MIN = 5.0
# Seconds the thread is given to end.
_STOP_S = 5.0


@dataclass(slots=True)
class _Held:
    # Puts the message back into its queue: behind all others if True, else before them.
    restore: Callable[[bool], None]
    # Whether its task runs; what has not begun may go to another worker.
    begun: bool = False


class Leases:
    """The messages that this process holds, and the thread that keeps them its own.

    A message is known by its delivery tag, which it keeps when it is delivered
    again, so nothing is done in its name here once it was given back.

    Args:
        redis: A client of the broker's database.
        lease_s: Seconds after which a message that was not renewed is another's.
        claims: The images in hand; they are renewed and given back with the messages.
    """

    def __init__(self, redis: Redis, lease_s: float, claims: Claims | None = None) -> None:
        self._redis = redis
        self._claims = claims
        self._interval_s = lease_s / _RENEWALS_PER_LEASE
        self._steady_s = max(self._interval_s, _STEADY_S_MIN)
        self._held: dict[str, _Held] = {}
        # What Redis has not heard yet: tags that are done with, and messages to put back.
        self._finished: set[str] = set()
        self._returning: dict[str, tuple[Callable[[bool], None], bool]] = {}
        self._lock = threading.Lock()
        self._steady_since: float | None = None
        self._stopped = threading.Event()
        # Set once the worker is to end: nothing begins any more, and waits end.
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is held by now is left to its lease."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_S)

    def steady(self) -> bool:
        """Return whether Redis has answered for so long that all others were heard too."""
        since = self._steady_since
        return since is not None and time.monotonic() - since >= self._steady_s

    def hold(self, tag: str, restore: Callable[[bool], None]) -> None:
        """Take a message on; ``restore`` puts it back, as the last if its argument is True."""
        with self._lock:
            self._held[tag] = _Held(restore)

    def release(self, tag: str) -> bool:
        """Renew a message no longer; return whether it was held."""
        with self._lock:
            return self._held.pop(tag, None) is not None

    def finish(self, tag: str) -> None:
        """Take a message out of Redis later: its acknowledgement did not get there."""
        with self._lock:
            self._finished.add(tag)

    def begin(self, tag: str) -> bool:
        """Note that a task begins; False says that its message is not this worker's to run."""
        with self._lock:
            held = self._held.get(tag)
            if held is None or self.closing.is_set():
                return False
            held.begun = True
            return True

    def give_back(self, tag: str, last: bool = False) -> None:
        """Put a message back into its queue now, or as soon as Redis answers.

        Args:
            tag: A message; one that is not held is left alone.
            last: Whether all others come before it.
        """
        with self._lock:
            held = self._held.pop(tag, None)
        if held is not None:
            self._restore(tag, held.restore, last)

    def give_back_waiting(self) -> None:
        """Give back what has not begun."""
        for tag, held in self._snapshot().items():
            if not held.begun:
                self.give_back(tag)

    def give_back_all(self) -> None:
        """Give back all that is held, whether it runs or not."""
        # The claims first: whoever gets a message next must not find its images claimed.
        if self._claims is not None:
            try:
                self._claims.give_back_all()
            except BrokerUnavailable as error:
                log.warning("claims.not_given_back %s", error)
        for tag in self._snapshot():
            self.give_back(tag)

    def renew(self) -> None:
        """Stamp anew what is held, and tell Redis what it has not heard.

        Raises:
            RedisError, BrokerUnavailable: Redis does not answer; nothing is forgotten.
        """
        held, finished, now = list(self._snapshot()), set(self._finished), time.time()
        pipe = self._redis.pipeline(transaction=False)
        pipe.ping()
        if finished:
            pipe.zrem(Channel.unacked_index_key, *finished)
            pipe.hdel(Channel.unacked_key, *finished)
        if held:
            # XX: a message that was settled or taken meanwhile must not come to life again.
            pipe.zadd(Channel.unacked_index_key, dict.fromkeys(held, now), xx=True)
        pipe.execute()
        if self._claims is not None:
            self._claims.renew()
        with self._lock:
            self._finished -= finished
            returning, self._returning = self._returning, {}
        for tag, (restore, last) in returning.items():
            self._restore(tag, restore, last)

    def _restore(self, tag: str, restore: Callable[[bool], None], last: bool) -> None:
        try:
            restore(last)
        except (RedisError, OSError) as error:
            log.warning("lease.not_given_back tag=%s %s", tag, error)
            with self._lock:
                self._returning[tag] = (restore, last)

    def _snapshot(self) -> dict[str, _Held]:
        with self._lock:
            return dict(self._held)

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stopped.wait(pause_s):
            try:
                self.renew()
            except (RedisError, BrokerUnavailable) as error:
                log.warning("lease.not_renewed %s", error)
                self._steady_since = None
                pause_s = min(self._interval_s, _FAILED_PAUSE_S)
            else:
                self._steady_since = self._steady_since or time.monotonic()
                pause_s = self._interval_s
