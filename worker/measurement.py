"""Measurements of this machine: taken once, and kept in the cache for later starts."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from worker.cache_files import exclusively, keep_record, read_record

# How much of the processors' time a container may take.
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A result that is measured once on a machine.

    Attributes:
        file: Where it is kept.
    """

    file: Path

    @classmethod
    def of(cls, cache_dir: Path, kind: str, *facts: object) -> Self:
        """Return the measurement of this machine and the given facts.

        Args:
            cache_dir: Folder of values that are computed once.
            kind: What is measured; the name of a folder in the cache.
            facts: All that the result depends on, besides the machine; JSON can express them.
        """
        known = json.dumps([*_machine(), *facts])
        name = hashlib.sha256(known.encode()).hexdigest()[:16]
        return cls(cache_dir / kind / f"{name}.json")

    def alone(self) -> AbstractContextManager[None]:
        """Let one process at a time measure anything, so that the second one finds the result.

        Two that measured different things at the same time would disturb each other.
        """
        return exclusively(self.file.parent.parent / "measuring")

    def recall(self) -> dict[str, Any] | None:
        """Return the result; None if there is none, or the file is damaged."""
        return read_record(self.file)

    def remember(self, result: Mapping[str, Any]) -> None:
        """Keep the result for later starts, if the folder is writable."""
        keep_record(self.file, result)


def _machine() -> list[object]:
    """Return what the processors are and can do, and how many this process may use."""
    processors = _lines(Path("/proc/cpuinfo"), "model name", "flags", "Features")
    allowed = _lines(Path("/proc/self/status"), "Cpus_allowed_list")
    quota = _read(_CPU_QUOTA)
    return [platform.machine(), platform.processor(), os.cpu_count(), processors, allowed, quota]


def _lines(path: Path, *starts: str) -> list[str]:
    """Return the different lines of a file that start with one of the given words."""
    return sorted({line for line in _read(path).splitlines() if line.startswith(starts)})


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
