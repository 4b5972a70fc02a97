"""Workers frozen past their leases, on a Milvus server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.conftest import begun
from tests.conftest import require
from tests.support.chaos.freezes import Freezes
from tests.support.services import MilvusServer, Stack


@pytest.fixture(scope="module")
def glimpse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole Glimpse on a Milvus server, without an ingest worker."""
    require(MilvusServer)
    folder = tmp_path_factory.mktemp("glimpse_on_a_server")
    with begun(folder, milvus=MilvusServer(folder / "milvus")) as stack:
        yield stack


class TestOnAServer(Freezes):
    """The attacks in a shorter form: a server takes longer for each step."""

    on, workers, freezes = "server", 2, 1
