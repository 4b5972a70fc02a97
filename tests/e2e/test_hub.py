"""CLIP from a model hub, at full size: the demo, `glimpse fetch-model`, and a hub that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.exit_codes import MISCONFIGURED, WEIGHTS_UNAVAILABLE
from tests.conftest import require
from tests.support import clip_weights, hub
from tests.support.hub import Hub
from tests.support.make import make
from tests.support.services import MilvusLite, Valkey
from tests.support.services.glimpse_up import GlimpseUp
from worker.encoders.clip.hub import HUB_FILES

ROOT = Path(__file__).parent.parent.parent
NAME = "ViT-B/32"
COMMIT = "c" * 40
# An address where nothing answers, and which stands in for all of the internet but the hub.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with random weights of ViT-B/32's full size."""
    file = tmp_path_factory.mktemp("served") / hub.FILENAME
    clip_weights.save_for_hub(clip_weights.random_clip(clip_weights.VIT_B_32), file)
    with Hub(file, HUB_FILES[NAME].repository, COMMIT) as served:
        yield served
    # Over half a gigabyte, which pytest would keep for three runs.
    file.unlink()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The hub's cache, which the tests fill and use in turn."""
    home = tmp_path_factory.mktemp("home")
    yield home
    for blob in home.rglob("blobs/*"):
        blob.unlink()


def environ(served: Hub, home: Path) -> dict[str, str]:
    return {
        "HF_ENDPOINT": served.url,
        "HF_HOME": str(home),
        "HTTPS_PROXY": NOWHERE,
        "GLIMPSE_CLIP_CACHE": str(home / "clip"),
        "GLIMPSE_MODEL": "auto",
        # A quick start matters more here than throughput, and other tests convert and compare.
        "GLIMPSE_BACKEND": "torch",
        "GLIMPSE_BATCH_MAX": "2",
        "GLIMPSE_TORCH_THREADS": "1",
        "GLIMPSE_PRECISION": "fp32",
        "PYTHONPATH": f"{ROOT / 'tests' / 'support' / 'hub_pin'}:{ROOT}",
        "TEST_HUB_COMMIT": COMMIT,
        "TEST_HUB_SHA256": served.sha256,
    }


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", *command],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_is_fetched_ahead_of_time(served: Hub, home: Path) -> None:
    fetched = run("cli", "fetch-model", **environ(served, home))
    assert fetched.returncode == 0, fetched.stderr
    assert Path(fetched.stdout.strip()).stat().st_size == served.file.stat().st_size
    assert len(served.bodies) == 1
    assert {path.split("/")[1] for _, path, *_ in served.asked} == {"timm", "files"}


def test_the_demo_ends_with_clip(served: Hub, home: Path, tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    photos = tmp_path / "photos"
    photos.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photos / "noise.png")
    up = GlimpseUp(tmp_path, environ(served, home))
    given = {"PHOTOS": photos, "QUERY": "noise", "SHEET": tmp_path / "sheet.png", "DATA": up.data}
    demo = make("demo", environ=up.environ() | environ(served, home), **given)
    assert demo.returncode == 0, demo.stderr
    assert f'"noise", by {NAME}:\n1\t' in demo.stdout
    assert "starter" not in demo.stdout + demo.stderr
    # The file that the test before fetched was enough for both workers.
    assert len(served.bodies) == 1
    assert up.processes() == []


def without_hub(tmp_path: Path) -> dict[str, str]:
    return {
        "HF_ENDPOINT": NOWHERE,
        "HF_HOME": str(tmp_path),
        "HTTPS_PROXY": NOWHERE,
        "GLIMPSE_CLIP_CACHE": str(tmp_path / "clip"),
        "GLIMPSE_MODEL": NAME,
    }


def test_a_worker_without_weights_says_once_where_it_looked(tmp_path: Path, valkey: Valkey) -> None:
    settings = without_hub(tmp_path) | {"GLIMPSE_REDIS_URL": valkey.url}
    ended = run("worker", "run", "search", **settings)
    assert ended.returncode == WEIGHTS_UNAVAILABLE
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"weights_unavailable: {NAME} weights not found")
    for place in ("GLIMPSE_CLIP_WEIGHTS", str(tmp_path), NOWHERE, "openaipublic", "CLIP_MIRROR"):
        assert place in line
    assert line.endswith("or set GLIMPSE_MODEL=starter.")


def test_fetching_without_a_hub_fails_with_the_same_line(tmp_path: Path) -> None:
    ended = run("cli", "fetch-model", **without_hub(tmp_path))
    assert ended.returncode == 1
    assert [line[:20] for line in ended.stderr.splitlines()] == ["weights_unavailable:"]


def test_an_unknown_name_gets_the_nearest_and_the_list(tmp_path: Path, valkey: Valkey) -> None:
    ended = run("cli", "fetch-model", "ViT-L14", **without_hub(tmp_path))
    assert ended.returncode == 2
    assert "Did you mean ViT-L/14 or " in ended.stderr
    assert "docs/models.md" in ended.stderr
    settings = without_hub(tmp_path) | {"GLIMPSE_REDIS_URL": valkey.url, "GLIMPSE_MODEL": "ViT-L14"}
    worker = run("worker", "run", "search", **settings)
    assert worker.returncode == MISCONFIGURED
