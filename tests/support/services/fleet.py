"""Several workers, each restarted when it dies, as by a process manager."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.support.polling import wait_for
from tests.support.services.glimpse import Worker
from tests.support.services.process import ServiceNotStarted

# Seconds between checks whether a worker is alive.
_POLL_S = 0.05


class Fleet:
    """Keeps workers running until it is closed.

    Args:
        workers: Workers that have not been started.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = list(workers)
        # Workers that consume; only these may be killed.
        self._ready: list[Worker] = []
        # Number of times that a worker ended without being stopped.
        self.deaths = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._keepers = [
            threading.Thread(target=self._keep, args=[worker], daemon=True) for worker in workers
        ]

    def wait_until_ready(self) -> None:
        """Wait until all workers consume."""
        workers = len(self._workers)
        wait_for(lambda: len(self._ready) == workers, Worker.start_s, "all workers")

    def kill_one(self, dice: random.Random) -> bool:
        """Kill a consuming worker, as by `kill -9`; return whether there was one."""
        with self._lock:
            if not self._ready:
                return False
            worker = dice.choice(self._ready)
            self._ready.remove(worker)
            worker.kill()
            return True

    def log(self) -> str:
        """Return the logs of all workers."""
        return "".join(worker.log.read_text() for worker in self._workers)

    def close(self) -> None:
        """Stop all workers and restarts."""
        self._stopped.set()
        for keeper in self._keepers:
            keeper.join()

    def __enter__(self) -> Self:
        for keeper in self._keepers:
            keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _keep(self, worker: Worker) -> None:
        while not self._stopped.is_set():
            self._start(worker)
            while self._lives(worker) and not self._stopped.wait(_POLL_S):
                pass
        worker.stop()

    def _start(self, worker: Worker) -> None:
        try:
            worker.start()
        except ServiceNotStarted:
            # It died of its first task, or started while a service was down.
            return
        with self._lock:
            self._ready.append(worker)

    def _lives(self, worker: Worker) -> bool:
        with self._lock:
            if worker.running:
                return True
            if worker in self._ready:
                self._ready.remove(worker)
            self.deaths += not self._stopped.is_set()
            return False
