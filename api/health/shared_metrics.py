"""Adds up the metrics of an API's processes, in files that all of them map into memory.

A scrape reaches any one of gunicorn's processes. prometheus_client's mode for several processes
keeps the values of each in a file, which outlives it, and any process reads them all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# The variable that names the folder of the files to prometheus_client.
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def begin() -> None:
    """Let the metrics of processes forked from this one add up; call before they are created."""
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="glimpse-metrics-")
    # The library decides when it is imported, which may have been before.
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


def end() -> None:
    """Remove the files."""
    if folder := os.environ.pop(_FOLDER, None):
        shutil.rmtree(folder, ignore_errors=True)


def collector() -> Collector | None:
    """Return what collects the metrics of all processes; None if this is the only one."""
    folder = os.environ.get(_FOLDER)
    if folder is None:
        return None
    return _Files(Path(folder))


class _Files(Collector):
    """Collects the metrics in the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Add up the metrics of all files.

        A process at its first request creates a file and then gives it its size. In between the
        library's own ``collect`` fails.
        """
        files = [str(file) for file in self._folder.glob("*.db") if file.stat().st_size]
        metrics: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return metrics
