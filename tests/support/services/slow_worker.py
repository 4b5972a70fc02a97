"""A worker with a slow model, whose work a test can count."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from tests.support.services.glimpse import Worker


class SlowWorker(Worker):
    """An ingest worker of ``tests.support.slow_worker``.

    Args:
        folder: Where its log is kept.
        settings: Its ``GLIMPSE_*`` variables.
        sleep_s: Seconds that its model takes for a batch.
        embeddings: The file that gets a line for every picture the model begins.
        picture_s: Seconds that each picture adds to its batch.
    """

    # What it runs.
    module: ClassVar[str] = "tests.support.slow_worker"

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        sleep_s: float,
        embeddings: Path,
        picture_s: float = 0,
    ) -> None:
        super().__init__(folder, settings, INGEST_QUEUE)
        self.settings |= {
            "SLOW_S": str(sleep_s),
            "SLOW_PICTURE_S": str(picture_s),
            "SLOW_LOG": str(embeddings),
        }
        self.embeddings = embeddings

    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module]

    def begun(self) -> list[str]:
        """Return a line for each picture that the model of this process has begun."""
        return [line for line in self.all_begun() if line.startswith(f"{self.pid} ")]

    def all_begun(self) -> list[str]:
        """Return a line for each picture that any worker with the same file has begun."""
        return self.embeddings.read_text().splitlines() if self.embeddings.exists() else []


class DeadlyWorker(SlowWorker):
    """An ingest worker of ``tests.support.deadly_worker``: one colour ends its process."""

    module = "tests.support.deadly_worker"


class DeadlyDeleter(Worker):
    """A search worker of ``tests.support.deadly_deleter``: its process ends within a deletion.

    Args:
        folder: Where its log is kept.
        settings: Its ``GLIMPSE_*`` variables.
        step: Whether it ends ``before`` or ``after`` the row is deleted.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], step: str) -> None:
        super().__init__(folder, settings, SEARCH_QUEUE)
        self.settings |= {"DEADLY_STEP": step}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.support.deadly_deleter"]
