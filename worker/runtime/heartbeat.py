"""Heartbeats: a worker checks its own health and reports it every few seconds."""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future
from importlib.metadata import version
from typing import Any

from common.allocator import return_freed_memory
from common.errors import BrokerUnavailable, GlimpseError
from common.heartbeats import Heartbeat, Heartbeats
from common.models.base import Models
from common.redis.time import SKEW_S_MAX, Clock
from worker.liveness import Liveness
from worker.runtime.base import Runtime

log = logging.getLogger(__name__)

_VERSION = version("glimpse")
# Seconds without an inference after which the worker runs a probe.
_PROBE_AFTER_S = 15.0
# Seconds without an inference after which the model hangs, so that the worker should be restarted.
_HUNG_AFTER_S = 120.0
# Missed heartbeats before a worker counts as dead.
_BEATS_MISSED_MAX = 3


class HeartbeatSender:
    """A thread that sends heartbeats while the worker consumes.

    It runs probes on an idle model, and returns the memory that the last batches used. It ends a
    worker one of whose threads does not finish a picture.
    If the model hangs, heartbeats continue but the age of the last inference grows, which
    readiness checks. It also checks the time at which the consumer last polled its queue.

    Args:
        runtime: The worker.
        heartbeats: Receives the heartbeats.
        name: The worker's unique name.
        queue: The queue it consumes.
        interval_s: Seconds between heartbeats.
        clock: Redis's clock, with which readers compare the times.
        models: Provide the active model.
        liveness: Shows that the worker is alive.
    """

    def __init__(
        self,
        runtime: Runtime,
        heartbeats: Heartbeats,
        name: str,
        queue: str,
        interval_s: float,
        clock: Clock,
        models: Models,
        liveness: Liveness,
    ) -> None:
        self._runtime = runtime
        self._heartbeats = heartbeats
        self._name = name
        self._queue = queue
        self._interval_s = interval_s
        self._clock = clock
        self._models = models
        self._liveness = liveness
        self._is_skewed = False
        self._serves = True
        self._stopped = threading.Event()
        self._probe: Future[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Send the first heartbeat, and go on from a thread.

        The worker logs that it is ready after this: whoever reads it may count on the worker.
        """
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Remove the heartbeat and stop the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._interval_s)
        try:
            self._heartbeats.stop(self._name)
        except BrokerUnavailable:
            log.warning("heartbeat.not_withdrawn name=%s", self._name)

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            self._beat()

    def _beat(self) -> None:
        try:
            self._end_if_hung()
            self._probe_if_idle()
            # Before the calls to Redis and Milvus, which may not answer.
            self._show_alive()
            self._heartbeats.beat(self._heartbeat())
        except BrokerUnavailable as error:
            log.warning("heartbeat.missed %s", error)
        except Exception:
            # Any error: a worker without heartbeats counts as dead.
            log.exception("heartbeat.fault")

    def _end_if_hung(self) -> None:
        """End the process if a decoder does not come to an end: a thread cannot be stopped.

        To others it has died while it processed the image, which is tried again alone.
        """
        picture_id = self._runtime.decoding_time.exceeded()
        if picture_id is not None:
            log.critical(
                "decoder.hung id=%s The worker ends, and others repeat its tasks.", picture_id
            )
            logging.shutdown()
            os._exit(1)

    def _probe_if_idle(self) -> None:
        idle = time.time() - self._runtime.inference_at() > _PROBE_AFTER_S
        # Only one probe at a time: the last one may hang.
        if idle and (self._probe is None or self._probe.done()):
            return_freed_memory()
            self._probe = self._runtime.probe()

    def _show_alive(self) -> None:
        if time.time() - self._runtime.inference_at() < _HUNG_AFTER_S:
            self._liveness.show()

    def _heartbeat(self) -> Heartbeat:
        store_error = self._store_error()
        now, skew_s = self._clock.now(), self._skew_s()
        # Converts times of this machine's clock to Redis's.
        shift_s = now - time.time()
        asked_at = self._runtime.leases.asked_at
        return Heartbeat(
            name=self._name,
            queue=self._queue,
            model=self._runtime.encoder.name,
            revision=self._runtime.encoder.revision,
            version=_VERSION,
            noise_threshold=self._runtime.noise,
            serves=self._is_serving(),
            at=now,
            until=now + self._interval_s * _BEATS_MISSED_MAX,
            inference_at=self._runtime.inference_at() + shift_s,
            asked_at=None if asked_at is None else asked_at + shift_s,
            rate_per_s=self._runtime.throughput.rate_per_s,
            store_error=store_error,
            clock_skew_s=skew_s,
        )

    def _is_serving(self) -> bool:
        """Return whether this worker's model is active; log once when it is not, or again is."""
        model, active = self._runtime.encoder.name, self._models.adopt(self._runtime.encoder.name)
        served, self._serves = self._serves, active.active == model
        if served and not self._serves:
            log.warning(
                "worker.standby model=%s active=%s This worker gets no uploads and searches until"
                " `glimpse models use %s`.",
                model,
                active.active,
                model,
            )
        elif self._serves and not served:
            log.info("worker.active model=%s", model)
        return self._serves

    def _skew_s(self) -> float:
        """Measure the skew of this machine's clock; log once if it is too large."""
        skew_s = round(self._clock.skew_s(), 1)
        was_skewed, self._is_skewed = self._is_skewed, abs(skew_s) > SKEW_S_MAX
        if self._is_skewed and not was_skewed:
            log.warning("clock.skewed name=%s ahead_s=%s", self._name, skew_s)
        return skew_s

    def _store_error(self) -> str | None:
        try:
            self._runtime.store.ping()
        except GlimpseError as error:
            return str(error)
        return None
