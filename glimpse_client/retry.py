"""Patience with a server that asks to come again, or that is away for a while."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx

from glimpse_client.errors import ClientError, RequestRefused, ServerUnreachable

# Statuses by which a server asks to come again: another request has it in hand (an earlier try
# of the same one, too), too many requests, a part is away, no room.
_COME_AGAIN = frozenset({409, 429, 503, 507})
# Statuses by which a proxy says that the server behind it is away.
_AWAY = frozenset({502, 504})

# Seconds to go on trying one request, unless told otherwise.
_PATIENCE_S = 60.0
# Seconds to wait where a server asks to come again and does not say when.
_PAUSE_S = 2.0
# Seconds to wait at least, whatever the server says: no request follows at once.
_PAUSE_S_MIN = 0.1
# Seconds to wait after a connection broke off; they double from try to try, up to the second.
_BACK_OFF_S, _BACK_OFF_S_MAX = 1.0, 30.0
# Seconds without a pause after which the next one is worth telling again.
_QUIET_S = 60.0


class Patience:
    """Makes all connections to a server wait when it asks one of them to.

    Args:
        patience_s: Seconds to go on trying one request.
        on_pause: Told the seconds and the cause of a pause, once for all that follow closely.
        now: Returns the seconds of a clock.
        sleep: Waits that many seconds of it.
    """

    def __init__(
        self,
        patience_s: float = _PATIENCE_S,
        on_pause: Callable[[float, ClientError], None] = lambda *_: None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.patience_s = patience_s
        self.now = now
        self._on_pause = on_pause
        self.sleep = sleep
        self._lock = threading.Lock()
        self._paused_until = self._quiet_after = -math.inf
        # Whether the server has ever answered: only then is silence a matter of time.
        self.heard = False
        # Whether nobody waits for answers any more.
        self.stopped = False

    def begin(self) -> Tries:
        """Begin the tries of one request."""
        return Tries(self)

    def wait(self) -> None:
        """Return when a request may be sent."""
        while (left := self._paused_until - self.now()) > 0:
            self.sleep(left)

    def pause(self, seconds: float, error: ClientError) -> None:
        """Let no request begin for some seconds."""
        with self._lock:
            now = self.now()
            news = now > self._quiet_after
            self._paused_until = max(self._paused_until, now + seconds)
            self._quiet_after = self._paused_until + _QUIET_S
        if news:
            self._on_pause(seconds, error)


class Tries:
    """The tries of one request."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._failed_first: float | None = None
        self._breaks = 0

    def failed(self, error: ClientError) -> None:
        """Pause before the next try; raise the error if there is to be none."""
        if _is_away(error):
            # A server that never answered is not there, and is not waited for.
            if not self._patience.heard:
                raise error
            self._pause(self._back_off(), error)
        elif isinstance(error, RequestRefused) and error.status in _COME_AGAIN:
            self._patience.heard = True
            asked = _PAUSE_S if error.retry_after_s is None else error.retry_after_s
            self._pause(max(asked, _PAUSE_S_MIN), error)
        else:
            raise error

    def _pause(self, seconds: float, error: ClientError) -> None:
        now = self._patience.now()
        if self._failed_first is None:
            self._failed_first = now
        too_long = now + seconds - self._failed_first > self._patience.patience_s
        if too_long or self._patience.stopped:
            raise error
        self._patience.pause(seconds, error)

    def _back_off(self) -> float:
        self._breaks += 1
        # Bounded before the power is taken: there may be thousands of tries.
        return float(min(_BACK_OFF_S * 2 ** min(self._breaks - 1, 10), _BACK_OFF_S_MAX))


def retry_after_s(answer: httpx.Response) -> float | None:
    """Return the seconds after which a server wants to be asked again, if it says so."""
    value = answer.headers.get("Retry-After", "")
    try:
        seconds = _until(value) if value[:1].isalpha() else float(value)
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    """Return the seconds from now to a date of HTTP; they may be negative."""
    return parsedate_to_datetime(date).timestamp() - time.time()


def _is_away(error: ClientError) -> bool:
    """Tell whether a server does not answer at all, or a proxy says so."""
    if isinstance(error, RequestRefused):
        return error.status in _AWAY
    return isinstance(error, ServerUnreachable)
