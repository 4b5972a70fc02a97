"""A worker's environment: nothing is added once threads of gRPC may read it."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import require
from tests.support.polling import index_and_find_a_picture, ready
from tests.support.services import MilvusLite, Stack, Valkey, Worker


class TellingWorker(Worker):
    """Runs ``tests.support.added_variables``."""

    forked_from = None

    def command(self) -> list[str]:
        return [self.python, "-m", "tests.support.added_variables", self.queue]


def test_a_worker_adds_no_variable_beside_grpc(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    stack = Stack(tmp_path, {"GLIMPSE_MODEL": "hashing"})
    stack.ingest_worker = TellingWorker(tmp_path / "telling", stack.settings, "ingest")
    with stack:
        ready(stack.client)
        index_and_find_a_picture(stack.client)
        log = stack.ingest_worker.log.read_text()
    assert [line for line in log.splitlines() if line.startswith("added ")] == []
