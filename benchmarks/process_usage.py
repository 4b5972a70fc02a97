"""What processes take of the machine, as Linux counts it in /proc."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Ticks of /proc's clocks in a second.
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Places of idle and of waiting for disks among the processors' ticks in /proc/stat.
_IDLE, _IOWAIT = 3, 4
# Ticks in /proc/stat that are not counted among others already.
_TICKS = 8
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


class Others:
    """Counts how busy others keep the machine, for a figure is no better than its quiet."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._others_s = _others_s()

    def cores(self) -> float:
        """Return the processors that others kept busy since, on average.

        Processes of this one count as its own once they have ended and were waited for.
        """
        cores = (_others_s() - self._others_s) / (time.monotonic() - self._begun)
        return round(max(cores, 0.0), 2)


def _others_s() -> float:
    line = Path("/proc/stat").read_text().splitlines()[0]
    ticks = [int(field) for field in line.split()[1 : 1 + _TICKS]]
    busy_s = (sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT]) / _TICKS_PER_S
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ours = [resource.getrusage(who) for who in whose]
    return busy_s - sum(usage.ru_utime + usage.ru_stime for usage in ours)
