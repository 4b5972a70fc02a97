"""Celery's own programs on Glimpse's apps: its ``worker`` command, and Flower."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.support.plain_http import PLAIN
from tests.support.services.glimpse import GlimpseProcess, Worker
from tests.support.services.ports import free_port


def celery(queue: str, *arguments: str) -> list[str]:
    """Return the command line of one of Celery's commands."""
    return [sys.executable, "-m", "celery", "-A", f"worker.app:{queue}", *arguments]


class CeleryWorker(Worker):
    """A worker that Celery's command starts.

    Args:
        folder: Folder of its log.
        settings: Its ``GLIMPSE_*`` variables.
        queue: The queue that it consumes.
        options: Options of the command.
    """

    forked_from = None

    def __init__(
        self, folder: Path, settings: Mapping[str, str], queue: str, *options: str
    ) -> None:
        super().__init__(folder, settings, queue)
        self._options = options

    def command(self) -> list[str]:
        return celery(self.queue, "worker", *self._options)


class Flower(GlimpseProcess):
    """Flower, with an API that asks for no password."""

    name = "Flower"

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings)
        self.settings |= {"FLOWER_UNAUTHENTICATED_API": "true"}
        self._port = free_port()
        self.url = f"http://{self.address}:{self._port}"

    def command(self) -> list[str]:
        return celery("ingest", "flower", f"--address={self.address}", f"--port={self._port}")

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthcheck", timeout=2, **PLAIN).status_code == 200
        except httpx.TransportError:
            return False
