"""What processes take of the machine, as Linux counts it in /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Ticks of /proc's clocks in a second.
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Places of fields in /proc/PID/stat, counted from the state that follows the name.
_SESSION, _UTIME, _CSTIME = 3, 11, 14
# Kilobytes, as /proc/PID/status counts memory, in a MiB.
_KB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Session:
    """A part of the system: the process that leads a session, and all that it started.

    Attributes:
        leader: Number of the process.
    """

    leader: int

    def cpu_s(self) -> float:
        """Return the seconds of processor time taken so far, by children that ended as well."""
        return (
            sum(
                sum(int(ticks) for ticks in fields[_UTIME : _CSTIME + 1])
                for _, fields in self._processes()
            )
            / _TICKS_PER_S
        )

    def peak_rss_mib(self) -> float:
        """Return the most memory held so far, processes added up, in MiB.

        What processes share counts for each of them.
        """
        return sum(_peak_kb(pid) for pid, _ in self._processes()) / _KB_PER_MIB

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                # A process may end while it is looked at.
                with suppress(FileNotFoundError, ProcessLookupError):
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[_SESSION]) == self.leader:
                        yield int(folder.name), fields


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) if peaks else 0


def load_average() -> float:
    """Return how many processes wanted to run during the last minute, on average."""
    return round(os.getloadavg()[0], 2)
