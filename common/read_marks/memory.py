"""Read marks in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from common.contract import AsOf
from common.read_marks.base import ReadMark


class MemoryReadMarks:
    """Read marks that last as long as the object."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, str] = {}
        # The epoch in which each mark was established last.
        self._epochs: dict[str, str] = {}
        self._run = 0

    def read(self) -> AsOf:
        """Return the established marks, and the epoch in which to establish others."""
        with self._lock:
            epoch = str(self._run)
            found = {key: self._times[key] for key, at in self._epochs.items() if at == epoch}
            return AsOf(epoch=epoch, times=found)

    def advance(self, marks: Sequence[ReadMark]) -> None:
        """Raise marks to the given times, unless they are later."""
        with self._lock:
            for key, time in marks:
                self._times[key] = max(time, self._times.get(key, time))

    def establish(self, mark: ReadMark, epoch: str) -> None:
        """Raise a mark, and make it count for an epoch."""
        self.advance([mark])
        with self._lock:
            self._epochs[mark.collection] = epoch

    def times(self) -> dict[str, str]:
        """Return the time of every mark, established or not."""
        return dict(self._times)

    def restart(self, times: Mapping[str, str]) -> None:
        """Simulate a restart of Redis, which loses all changes since these times."""
        with self._lock:
            self._run += 1
            self._times = dict(times)
