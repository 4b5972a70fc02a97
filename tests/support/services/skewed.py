"""Processes of Glimpse on machines with wrong clocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.services.glimpse import Api, Worker


class SkewedWorker(Worker):
    """A worker on a machine with a skewed clock, which it gets before it imports anything.

    Args:
        folder: Folder of its log.
        settings: Its ``GLIMPSE_*`` variables.
        queue: The queue that it consumes.
        skew_s: Seconds that its clock is ahead; negative if behind.
    """

    forked_from = None

    def __init__(
        self, folder: Path, settings: Mapping[str, str], queue: str, skew_s: float
    ) -> None:
        super().__init__(folder, settings, queue)
        self.settings |= {"SKEW_S": str(skew_s)}

    def command(self) -> list[str]:
        return _skewed(super().command())


class SkewedApi(Api):
    """The API on a machine with a skewed clock; see ``SkewedWorker``."""

    forked_from = None

    def __init__(self, folder: Path, settings: Mapping[str, str], skew_s: float) -> None:
        super().__init__(folder, settings)
        self.settings |= {"SKEW_S": str(skew_s)}

    def command(self) -> list[str]:
        return _skewed(super().command())


def _skewed(command: list[str]) -> list[str]:
    python, _, *module = command
    return [python, "-m", "tests.support.skewed", *module]
