"""When to send a request again, and how long to wait before it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx

from glimpse_client.errors import ClientError, RequestRefused, ServerUnreachable

# Statuses of a server that may accept the same request later: rate limit, unavailable or
# overloaded, out of disk space.
_RETRY_LATER = frozenset({429, 503, 507})
# Status of a request that came too slowly, as over a connection that is about to break.
_TOO_SLOW = 408
# Codes of conflicts that end with another request; the others (409) need a decision.
_BUSY = frozenset({"idempotency_key_in_progress", "dead_letter_busy"})
# Statuses of a proxy that cannot reach the server.
_BAD_GATEWAY = frozenset({502, 504})

# Seconds to keep retrying one request by default: longer than the minute for which the key of a
# request stays taken whose server was killed.
_TIMEOUT_S = 90.0
# Seconds to wait where the server sends no `Retry-After`.
_PAUSE_S = 2.0
# Seconds to wait at least, even with `Retry-After: 0`.
_PAUSE_S_MIN = 0.1
# Seconds to wait after a broken connection; doubles with each try up to the maximum.
_BACK_OFF_S, _BACK_OFF_S_MAX = 1.0, 30.0
# Seconds without a pause after which the next pause is reported again.
_QUIET_S = 60.0


class RetryPolicy:
    """Decides when requests are retried; a busy server's pause applies to all threads of a client.

    Use one policy for one server: it remembers whether that server has answered.

    Args:
        timeout_s: Seconds to keep retrying one request.
        on_pause: Called with the seconds and the cause of a pause, once for a series of pauses.
        now: Returns a clock's time in seconds.
        sleep: Waits for a number of seconds of that clock.
    """

    def __init__(
        self,
        timeout_s: float = _TIMEOUT_S,
        on_pause: Callable[[float, ClientError], None] = lambda *_: None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeout_s = timeout_s
        self.now = now
        self._on_pause = on_pause
        self.sleep = sleep
        self._lock = threading.Lock()
        self._paused_until = self._quiet_after = -math.inf
        # Whether the server has answered at least once: before that, a failed connection means a
        # wrong address rather than an outage.
        self.answered = False
        # Whether the client is closed, and requests are no longer retried.
        self.closed = False

    def begin(self) -> Tries:
        """Begin the tries of one request."""
        return Tries(self)

    def wait(self) -> None:
        """Wait until the current pause, if any, is over."""
        while (left := self._paused_until - self.now()) > 0:
            self.sleep(left)

    def pause(self, seconds: float, error: ClientError) -> None:
        """Hold back all requests for some seconds."""
        with self._lock:
            now = self.now()
            news = now > self._quiet_after
            self._paused_until = max(self._paused_until, now + seconds)
            self._quiet_after = self._paused_until + _QUIET_S
        if news:
            self._on_pause(seconds, error)


class Tries:
    """The tries of one request."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._failed_first: float | None = None
        self._breaks = 0

    def failed(self, error: ClientError) -> None:
        """Pause before the next try, or raise the error if the request must not be retried."""
        if _is_outage(error):
            if not self._policy.answered:
                raise error
            self._pause(self._back_off(), error)
        elif isinstance(error, RequestRefused) and error.status == _TOO_SLOW:
            self._policy.answered = True
            self._pause(self._back_off(), error)
        elif isinstance(error, RequestRefused) and _is_temporary(error):
            self._policy.answered = True
            asked = _PAUSE_S if error.retry_after_s is None else error.retry_after_s
            self._pause(max(asked, _PAUSE_S_MIN), error)
        else:
            raise error

    def _pause(self, seconds: float, error: ClientError) -> None:
        now = self._policy.now()
        if self._failed_first is None:
            self._failed_first = now
        too_long = now + seconds - self._failed_first > self._policy.timeout_s
        if too_long or self._policy.closed:
            raise error
        if isinstance(error, RequestRefused) and _concerns_one(error):
            self._policy.sleep(seconds)
        else:
            self._policy.pause(seconds, error)

    def _back_off(self) -> float:
        self._breaks += 1
        # The exponent is bounded because there may be thousands of tries.
        return float(min(_BACK_OFF_S * 2 ** min(self._breaks - 1, 10), _BACK_OFF_S_MAX))


def retry_after_s(answer: httpx.Response) -> float | None:
    """Return the seconds that ``Retry-After`` names, or None without a usable value."""
    value = answer.headers.get("Retry-After", "")
    try:
        seconds = _until(value) if value[:1].isalpha() else float(value)
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    """Return the seconds from now to an HTTP date, negative for a past one."""
    return parsedate_to_datetime(date).timestamp() - time.time()


def _is_temporary(error: RequestRefused) -> bool:
    """Return whether the server may accept the same request later."""
    return error.status in _RETRY_LATER or error.code in _BUSY


def _concerns_one(error: RequestRefused) -> bool:
    """Return whether the server has time for all other requests."""
    return error.status == _TOO_SLOW or error.code in _BUSY


def _is_outage(error: ClientError) -> bool:
    """Return whether the server does not answer, or a proxy reports that it does not."""
    if isinstance(error, RequestRefused):
        return error.status in _BAD_GATEWAY
    return isinstance(error, ServerUnreachable)
