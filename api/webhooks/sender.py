"""The sender: takes the deliveries that are due, and sends them."""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus

from api.schemas.links import Links
from api.webhooks.connecting import Resolve, resolve
from api.webhooks.event import job_finished
from api.webhooks.pauses import pause_s
from api.webhooks.posting import Poster, Reply
from common.errors import BrokerUnavailable, NotFound
from common.jobs.base import JobRecords
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from common.redis.time import Clock, RedisClock
from common.settings import Settings
from common.webhooks.base import Attempt, Claim, DeliveryState, Webhooks
from common.webhooks.redis import RedisWebhooks
from common.webhooks.signing import signed_headers

log = logging.getLogger(__name__)

# Seconds until one of the threads looks again for a delivery that is due.
_POLL_S = 1.0

_HEADERS = {"Content-Type": "application/json", "User-Agent": "Glimpse-Webhooks/1"}
# Why a message cannot be sent at all.
_NO_SECRET = "The tenant has no secret to sign with; `glimpse webhooks secret` makes one."  # noqa: S105
_NO_JOB = "The job's record has expired."


def connect_sender(settings: Settings) -> Sender:
    """Create a sender that works on Redis."""
    redis = connect(settings.redis)
    return Sender(
        settings, RedisWebhooks(redis), RedisJobs(redis, settings.job_ttl_s), RedisClock(redis)
    )


class Sender:
    """Sends deliveries, several at a time; any number of processes may do so.

    Args:
        settings: How long to wait and to try, and which networks may be reached.
        webhooks: The deliveries and secrets.
        jobs: The job records.
        clock: Redis's clock.
        resolve: Returns the addresses of a name.
    """

    def __init__(
        self,
        settings: Settings,
        webhooks: Webhooks,
        jobs: JobRecords,
        clock: Clock,
        resolve: Resolve = resolve,
    ) -> None:
        self._webhooks = webhooks
        self._jobs = jobs
        self._clock = clock
        self._links = Links(settings.path_prefix)
        self._poster = Poster(settings.webhooks_allow, settings.webhooks_timeout_s, resolve)
        # With time for the name server and for Redis.
        self._lease_s = settings.webhooks_timeout_s + settings.lease_s
        self._try_s = settings.webhooks_try_s
        self._stopped = threading.Event()
        # Held by the one thread that looks for all of them, so that idle ones ask Redis nothing.
        self._looking = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"webhooks-{number}", daemon=True)
            for number in range(settings.webhooks_threads)
        ]

    def start(self) -> None:
        """Start to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more deliveries, and wait until those in progress are sent."""
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def send_next(self) -> bool:
        """Send one delivery that is due; return whether there was one.

        Raises:
            BrokerUnavailable: Redis does not answer. What was taken is sent again later.
        """
        claim = self._claim()
        if claim is not None:
            self._send(claim)
        return claim is not None

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if (claim := self._await()) is not None:
                    self._send(claim)
            except BrokerUnavailable as error:
                log.warning("webhook.no_redis %s", error)
                self._stopped.wait(_POLL_S)
            except Exception:
                # The claim ends by itself.
                log.exception("webhook.fault")
                self._stopped.wait(_POLL_S)

    def _await(self) -> Claim | None:
        """Wait for a delivery that is due; return None once the sender stops."""
        with self._looking:
            while not self._stopped.is_set():
                if (claim := self._claim()) is not None:
                    return claim
                self._stopped.wait(_POLL_S)
        return None

    def _claim(self) -> Claim | None:
        return self._webhooks.claim(self._clock.now(), self._lease_s)

    def _send(self, claim: Claim) -> None:
        delivery, began_at = claim.delivery, self._clock.now()
        reply = self._post(claim, began_at)
        now = self._clock.now()
        attempt = Attempt(
            at=began_at, ms=round((now - began_at) * 1000), status=reply.status, error=reply.error
        )
        state, due_at = self._next(claim, reply, now)
        self._webhooks.settle(claim, attempt, state, due_at)
        # Without the URL, which may contain a secret of the receiver's.
        told = (delivery.id, delivery.tenant)
        if reply.error is None:
            log.info("webhook.delivered job=%s tenant=%s", *told)
        else:
            log.warning("webhook.failed job=%s tenant=%s state=%s %s", *told, state, reply.error)

    def _post(self, claim: Claim, now: float) -> Reply:
        delivery = claim.delivery
        secrets = self._webhooks.secrets(delivery.tenant, now)
        if not secrets:
            return Reply(error=_NO_SECRET)
        try:
            body = job_finished(self._jobs.get(delivery.id), self._links)
        except NotFound:
            return Reply(error=_NO_JOB)
        keys = [secret.text for secret in secrets]
        signed = signed_headers(delivery.id, int(now), body, keys)
        return self._poster.post(delivery.url, body, _HEADERS | signed)

    def _next(self, claim: Claim, reply: Reply, now: float) -> tuple[DeliveryState, float | None]:
        """Return the state after an attempt, and when to send again."""
        if reply.error is None:
            return "delivered", None
        due_at = now + pause_s(claim.delivery.tries + 1, reply.retry_after_s)
        # 410: the receiver wants no more.
        is_over = reply.status == HTTPStatus.GONE or due_at > claim.delivery.since + self._try_s
        return ("failed", None) if is_over else ("pending", due_at)
