"""CPU and memory usage of processes, read from Linux's /proc."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Clock ticks per second in /proc.
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Indices of idle and iowait among the CPU ticks in /proc/stat.
_IDLE, _IOWAIT = 3, 4
# Leading tick fields in /proc/stat; later fields are already included in these.
_TICKS = 8
# Indices of fields in /proc/PID/stat, counted from the state that follows the name.
_SESSION, _CUTIME, _CSTIME = 3, 13, 14
# Low bits of the id of another process's CPU clock, whose high bits are the complement of the
# process id (clock_getcpuclockid(3)).
_PROCESS_CPU_CLOCK = 2
# Kilobytes, the unit of memory in /proc/PID/status, per MiB.
_KB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Session:
    """A part of the system: a session leader and every process it started.

    Attributes:
        leader: Process id of the session leader.
    """

    leader: int

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far, including by children that have ended."""
        return sum(
            _cpu_s(pid) + sum(int(ticks) for ticks in fields[_CUTIME : _CSTIME + 1]) / _TICKS_PER_S
            for pid, fields in self._processes()
        )

    def peak_rss_mib(self) -> float:
        """Return the peak memory so far in MiB, summed over the processes.

        Memory shared by processes counts once for each of them.
        """
        return sum(_peak_kb(pid) for pid, _ in self._processes()) / _KB_PER_MIB

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                # A process may end while it is being read.
                with suppress(FileNotFoundError, ProcessLookupError):
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[_SESSION]) == self.leader:
                        yield int(folder.name), fields


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and its threads, to the nanosecond.

    Its ticks are too coarse for a sample of a fraction of a second. A process that has just ended
    counts among its parent's children.
    """
    try:
        return time.clock_gettime(~pid << 3 | _PROCESS_CPU_CLOCK)
    except OSError:
        return 0.0


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) if peaks else 0


class Others:
    """Measures how much CPU other processes use, since they distort the figures."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._others_s = _others_s()

    def cores(self) -> float:
        """Return the average number of cores that other processes used since construction.

        Child processes count as this process's own only after they ended and were waited for.
        """
        cores = (_others_s() - self._others_s) / (time.monotonic() - self._begun)
        return round(max(cores, 0.0), 2)


def _others_s() -> float:
    line = Path("/proc/stat").read_text().splitlines()[0]
    ticks = [int(field) for field in line.split()[1 : 1 + _TICKS]]
    busy_s = (sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT]) / _TICKS_PER_S
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return busy_s - sum(usage.ru_utime + usage.ru_stime for usage in own)
