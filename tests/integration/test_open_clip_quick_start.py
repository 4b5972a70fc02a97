"""Starts of open_clip's models with OpenVINO alone, without torch and without the package."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest

from tests.support import open_clip_models, pictures, quick_starts
from worker.encoders import registry
from worker.encoders.base import Encoder
from worker.encoders.open_clip import kept_tokenizers

TEXTS = (*kept_tokenizers._SAMPLES, "a white dog on green grass")


def siglip() -> dict[str, Any]:
    return open_clip_models.shallow("ViT-B-32-SigLIP2-256")


def not_causal() -> dict[str, Any]:
    return open_clip_models.small(causal=False)


@pytest.fixture(scope="module", params=[open_clip_models.small, not_causal, siglip])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, which has not changed for some time."""
    folder = tmp_path_factory.mktemp("model")
    preprocessing = open_clip_models.SIGLIP_PREPROCESSING if request.param is siglip else None
    open_clip_models.save(folder, request.param(), preprocessing)
    _settle(folder)
    return folder


@pytest.fixture(scope="module")
def started(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Encoder]:
    """A cache after a worker's start, and its encoder."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, load(model, cache)


@pytest.fixture
def with_torch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The starts that loaded the model with the package."""
    return quick_starts.noted(monkeypatch, "_load_open_clip_with_torch")


def load(model: Path, cache: Path) -> Encoder:
    given = {"model": f"open_clip:local-dir:{model}", "cache_dir": cache}
    return registry.load_encoder(quick_starts.settings(given), bulk=True)


def _settle(folder: Path) -> None:
    """Wait until no file is so new that another change might not be noticed."""
    newest = max(path.stat().st_ctime for path in (folder, *folder.iterdir()))
    while time.time() < newest + 2.1:
        time.sleep(0.1)


def test_the_second_start_imports_no_package_and_is_the_same_model(
    model: Path, started: tuple[Path, Encoder], with_torch: list[str]
) -> None:
    cache, first = started
    second = load(model, cache)
    assert with_torch == []
    scenes = [pictures.scene(seed, (300, 200)) for seed in range(2)]
    one, other = (
        each.encode_images([each.preprocess(s) for s in scenes]) for each in (first, second)
    )
    assert np.array_equal(one, other)
    assert np.array_equal(first.encode_texts(TEXTS), second.encode_texts(TEXTS))
    facts = ("name", "revision", "dim", "draft_side", "concurrency", "precision", "runs_on")
    assert [getattr(first, one) for one in facts] == [getattr(second, one) for one in facts]
    given = {"model": f"open_clip:local-dir:{model}", "cache_dir": str(cache)}
    alone = quick_starts.in_own_process(given, TEXTS)
    assert alone.imported == set()
    assert np.array_equal(alone.texts, first.encode_texts(TEXTS))


def another_file(folder: Path) -> None:
    (folder / "model.pth").write_bytes(b"")


def other_weights(folder: Path) -> None:
    file = folder / "open_clip_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


def other_preprocessing(folder: Path) -> None:
    file = folder / "open_clip_config.json"
    file.write_text(file.read_text().replace('"preprocess_cfg": {', '"preprocess_cfg": { '))


@pytest.mark.parametrize("change", [another_file, other_weights, other_preprocessing])
def test_a_changed_folder_is_read_again(
    tmp_path: Path, with_torch: list[str], change: Callable[[Path], None]
) -> None:
    folder, cache = tmp_path / "model", tmp_path / "cache"
    open_clip_models.save(folder, open_clip_models.small())
    _settle(folder)
    before = load(folder, cache)
    change(folder)
    after = load(folder, cache)
    assert len(with_torch) == 2
    assert (before.revision == after.revision) == (change is not other_weights)
    _settle(folder)
    load(folder, cache)
    starts = len(with_torch)
    load(folder, cache)
    assert len(with_torch) == starts


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_a_damaged_vocabulary_is_written_again(
    tmp_path: Path, with_torch: list[str], damage: str
) -> None:
    folder, cache = tmp_path / "model", tmp_path / "cache"
    open_clip_models.save(folder, siglip(), open_clip_models.SIGLIP_PREPROCESSING)
    _settle(folder)
    load(folder, cache)
    (vocabulary,) = (cache / "tokenizers").glob("*.json")
    vocabulary.unlink() if damage == "removed" else vocabulary.write_text("{}")
    for _ in range(2):
        load(folder, cache)
    assert len(with_torch) == 2


def test_a_new_version_of_a_repository_is_read_again(
    tmp_path: Path, with_torch: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = open_clip_models.shallow("ViT-B-32")
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-B-32", shallow)
    name = open_clip_models.cached(tmp_path / "hub", "ViT-B-32", "laion2b_s34b_b79k", monkeypatch)
    (reference,) = (tmp_path / "hub").glob("*/refs/main")
    _settle(reference.parent)
    settings = quick_starts.settings({"model": name, "cache_dir": tmp_path / "cache"})
    for _ in range(2):
        registry.load_encoder(settings)
    assert len(with_torch) == 1
    snapshots = reference.parent.parent / "snapshots"
    shutil.copytree(snapshots / "0", snapshots / "1")
    reference.write_text("1")
    registry.load_encoder(settings)
    assert len(with_torch) == 2


class OddTokenizer:
    """A kind that was never seen."""


@pytest.mark.parametrize(
    "tokenizer",
    [OddTokenizer(), open_clip.SimpleTokenizer(reduction_mask="shuffle")],
    ids=["unknown", "random"],
)
def test_a_tokenizer_that_only_the_package_can_run_is_not_kept(
    tmp_path: Path, tokenizer: object
) -> None:
    assert kept_tokenizers.describe(tokenizer, tmp_path) is None
