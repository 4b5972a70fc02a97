"""An API process in which one request runs at a time, for tests of what lets others run."""

from __future__ import annotations

from api.server.worker import ProblemWorker


class StrictWorker(ProblemWorker):
    """Hangs for good if a request waits without saying so, or never says that it has ended."""

    running_max = 1
    wait_s = 3600.0
