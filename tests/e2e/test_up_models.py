"""`glimpse up` on a data folder whose active model is not the chosen one."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tests.conftest import require
from tests.support.polling import wait_for
from tests.support.services import MilvusLite, Valkey
from tests.support.services.glimpse_up import GlimpseUp

COLOURS = ("red", "green", "blue")
# The model of the folder, and another one.
OLD, NEW = "hashing", "starter"


@contextmanager
def running(folder: Path, model: str) -> Iterator[GlimpseUp]:
    # Other tests convert a model and compare backends.
    up = GlimpseUp(folder, {"GLIMPSE_MODEL": model, "GLIMPSE_BACKEND": "torch"})
    up.log.unlink(missing_ok=True)
    up.start()
    try:
        # Later than readiness, because workers on standby are awaited too.
        wait_for(lambda: "Glimpse is ready at" in up.log.read_text(), up.start_s, "the stack")
        yield up
        up.signal(signal.SIGTERM)
        assert up.wait() == 0
    finally:
        up.stop()


def succeed(up: GlimpseUp, *arguments: str) -> str:
    """Run a command, and return its output."""
    run = up.glimpse(*arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout


def models(up: GlimpseUp) -> dict[str, dict[str, Any]]:
    found = json.loads(succeed(up, "models", "list", "--json"))
    return {model["name"]: model for model in found["models"]}


def ingest(up: GlimpseUp, name: str, *colours: str) -> None:
    folder = up.folder / name
    folder.mkdir()
    for colour in colours:
        Image.new("RGB", (64, 48), colour).save(folder / f"{colour}.png")
    succeed(up, "ingest", str(folder))


def test_a_folder_keeps_its_model_until_another_one_is_used(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    with running(tmp_path, OLD) as up:
        ingest(up, "colours", *COLOURS)
        assert f"model {OLD}, data in" in up.log.read_text()
    with running(tmp_path, NEW) as up:
        log = up.log.read_text()
        assert f"model {OLD}, data in" in log
        assert f"run `glimpse reindex --model {NEW}`, then `glimpse models use {NEW}`" in log
        # The folder's images are found meanwhile.
        assert len(succeed(up, "search", "red").splitlines()) == len(COLOURS)
        found = models(up)
        assert found[NEW]["workers"] == found[OLD]["workers"] == {"ingest": 1, "search": 1}
        assert found[OLD]["active"]
        succeed(up, "reindex", "--model", NEW)
        succeed(up, "models", "use", NEW)
        # Only the new model gets it, until the switch back.
        ingest(up, "late", "white")
        found = models(up)
        assert found[NEW]["active"]
        assert [found[model]["images"] for model in (OLD, NEW)] == [3, 4]
        succeed(up, "models", "use", OLD)
        assert models(up)[OLD]["images"] == 4
    with running(tmp_path, "auto") as up:
        log = up.log.read_text()
        assert f"keeping the active model, {OLD}; to change it, set GLIMPSE_MODEL" in log
        assert f"model {OLD}, data in" in log
        assert "standby" not in log
        assert len(succeed(up, "search", "white").splitlines()) == 4
        assert models(up)[NEW]["workers"] == {"ingest": 0, "search": 0}
        succeed(up, "models", "drop", NEW, "--yes")
        assert list(models(up)) == [OLD]
