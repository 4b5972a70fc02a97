"""A worker with a slow model and a log of its embeddings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from tests.support.services.glimpse import Worker


class ModuleWorker(Worker):
    """A worker that runs a module of the tests."""

    # Module to run.
    module: ClassVar[str]

    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module]


class SlowWorker(ModuleWorker):
    """An ingest worker that runs ``tests.support.slow_worker``.

    Args:
        folder: Folder of its log.
        settings: Its ``GLIMPSE_*`` variables.
        sleep_s: Seconds that its model takes per batch.
        embeddings: File that receives a line per picture that the model starts on.
        picture_s: Additional seconds per picture.
    """

    module = "tests.support.slow_worker"

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

    def begun(self) -> list[str]:
        """Return a line per picture that this process's model has started on."""
        return [line for line in self.all_begun() if line.startswith(f"{self.pid} ")]

    def all_begun(self) -> list[str]:
        """Return a line per picture that any worker with the same file has started on."""
        return self.embeddings.read_text().splitlines() if self.embeddings.exists() else []


class SecondWorker(SlowWorker):
    """A worker that runs ``tests.support.second_worker``, of the model ``second``.

    Args:
        folder: Folder of its log.
        settings: Its ``GLIMPSE_*`` variables.
        queue: The queue that it consumes.
        embeddings: As for ``SlowWorker``.
    """

    module = "tests.support.second_worker"

    def __init__(
        self, folder: Path, settings: Mapping[str, str], queue: str, embeddings: Path
    ) -> None:
        super().__init__(folder, settings, 0, embeddings, picture_s=0.005)
        self.queue = queue
        self.settings |= {"SECOND_QUEUE": queue}


class DeadlyWorker(SlowWorker):
    """An ingest worker that runs ``tests.support.deadly_worker``."""

    module = "tests.support.deadly_worker"


class MortalWorker(SlowWorker):
    """An ingest worker that runs ``tests.support.mortal_worker``."""

    module = "tests.support.mortal_worker"


class DeadlyDeleter(ModuleWorker):
    """A search worker that runs ``tests.support.deadly_deleter`` and dies during a deletion.

    Args:
        folder: Folder of its log.
        settings: Its ``GLIMPSE_*`` variables.
        step: Whether it dies ``before`` or ``after`` the row is deleted.
    """

    module = "tests.support.deadly_deleter"

    def __init__(self, folder: Path, settings: Mapping[str, str], step: str) -> None:
        super().__init__(folder, settings, SEARCH_QUEUE)
        self.settings |= {"DEADLY_STEP": step}
