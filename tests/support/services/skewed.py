"""Processes of Glimpse on machines with wrong clocks."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from tests.support.services.glimpse import Api, GlimpseProcess, Worker


def skew(process: GlimpseProcess, skew_s: float) -> None:
    """Let a process that has not been started read a wrong clock, in C as in Python.

    Args:
        process: The process.
        skew_s: Seconds that its clock is ahead; negative if behind.
    """
    spec = importlib.util.find_spec("libfaketime")
    assert spec is not None, "The package libfaketime is not installed."
    (package,) = spec.submodule_search_locations or ()
    library = Path(package) / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    # The library is loaded when a program starts.
    process.forked_from = None
    process.settings |= {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{skew_s:+g}",
        # Only the clock that people set is wrong. Files have the times of their file system.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


class SkewedWorker(Worker):
    """A worker on a machine with a skewed clock, which it gets before it imports anything.

    Args:
        folder: Folder of its log.
        settings: Its ``GLIMPSE_*`` variables.
        queue: The queue that it consumes.
        skew_s: Seconds that its clock is ahead; negative if behind.
    """

    forked_from = "skewed"

    def __init__(
        self, folder: Path, settings: Mapping[str, str], queue: str, skew_s: float
    ) -> None:
        super().__init__(folder, settings, queue)
        self.settings |= {"SKEW_S": str(skew_s)}

    def command(self) -> list[str]:
        return _skewed(super().command())


class SkewedApi(Api):
    """The API on a machine with a skewed clock; see ``SkewedWorker``."""

    forked_from = "skewed"

    def __init__(self, folder: Path, settings: Mapping[str, str], skew_s: float) -> None:
        super().__init__(folder, settings)
        self.settings |= {"SKEW_S": str(skew_s)}

    def command(self) -> list[str]:
        return _skewed(super().command())


def _skewed(command: list[str]) -> list[str]:
    python, _, *module = command
    return [python, "-m", "tests.support.skewed", *module]
