"""`glimpse up` moves from its Milvus Lite to a Milvus server."""

from __future__ import annotations

import signal
from pathlib import Path

from PIL import Image

from tests.conftest import require
from tests.support.services import MilvusLite, MilvusServer, Valkey
from tests.support.services.glimpse_up import GlimpseUp

COLOURS = ("red", "green", "blue")


def ingest(up: GlimpseUp, *colours: str) -> None:
    folder = up.folder / colours[0]
    folder.mkdir()
    for colour in colours:
        Image.new("RGB", (64, 48), colour).save(folder / f"{colour}.png")
    assert up.glimpse("ingest", str(folder)).returncode == 0


def stop(up: GlimpseUp) -> None:
    up.signal(signal.SIGTERM)
    assert up.wait() == 0
    up.stop()


def test_the_stack_moves_to_a_server_with_one_setting(
    tmp_path: Path, milvus_server: MilvusServer
) -> None:
    require(Valkey)
    require(MilvusLite)
    up = GlimpseUp(tmp_path)
    command = ["migrate", "--to", milvus_server.uri, "--data", str(up.data)]

    missing = up.glimpse(*command)
    assert missing.returncode == 3
    assert "--data" in missing.stderr
    assert up.glimpse(*command, "--finish").returncode == 3

    with up:
        ingest(up, *COLOURS)
        copied = up.glimpse(*command)
        assert copied.returncode == 0, copied.stderr
        assert "has 3 images" in copied.stdout
        early = up.glimpse(*command, "--finish")
        assert early.returncode != 0
        assert "Stop it first" in early.stderr
        ingest(up, "white")
        stop(up)

    finished = up.glimpse(*command, "--finish")
    assert finished.returncode == 0, finished.stderr
    assert f"GLIMPSE_MILVUS_URI={milvus_server.uri}" in finished.stdout

    with GlimpseUp(tmp_path, {"GLIMPSE_MILVUS_URI": milvus_server.uri}) as moved:
        found = moved.glimpse("search", "red").stdout.splitlines()
        assert len(found) == len(COLOURS) + 1
        assert not moved.runs("milvus.db")
