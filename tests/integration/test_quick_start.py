"""A start with OpenVINO alone: it gives the same vectors, without torch, until anything changes."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support import clip_weights, quick_starts
from worker.encoders import registry
from worker.encoders.base import Encoder
from worker.encoders.clip.architectures import ARCHITECTURES

NAME = "ViT-B/32"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model's weights, old enough that their digest is kept."""
    model = clip_weights.random_clip(clip_weights.SMALL)
    path = clip_weights.save_for_hub(model, tmp_path_factory.mktemp("weights") / "small")
    while time.time() < path.stat().st_ctime + 2.1:
        time.sleep(0.1)
    return path


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, NAME, clip_weights.SMALL)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A cache after one start of an ingest worker."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, NAME, clip_weights.SMALL)
        load(folder, weights)
    return folder


@pytest.fixture
def cache(tmp_path: Path, kept: Path) -> Path:
    """A copy of that cache, whose records name the copied conversion."""
    copy = shutil.copytree(kept, tmp_path / "cache")
    for record in (copy / "starts").glob("*.json"):
        record.write_text(record.read_text().replace(str(kept), str(copy)))
    return copy


def load(cache: Path, weights: Path, *, bulk: bool = True, **changed: object) -> Encoder:
    given = {"model": NAME, "cache_dir": cache, "clip_weights": weights, **changed}
    settings = quick_starts.settings(given)
    return registry.load_encoder(settings, bulk=bulk)


@pytest.fixture
def with_torch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The starts that loaded the model with torch."""
    return quick_starts.noted(monkeypatch, "_load_with_torch")


def vectors(encoder: Encoder) -> np.ndarray:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return np.concatenate([encoder.encode_images([picture]), encoder.encode_texts(["a dog"])])


def test_the_second_start_is_the_same_model(
    tmp_path: Path, weights: Path, with_torch: list[str]
) -> None:
    first, second = (load(tmp_path, weights) for _ in range(2))
    assert with_torch == [NAME]
    assert np.array_equal(vectors(first), vectors(second))
    facts = ("name", "revision", "former_revisions", "dim", "draft_side")
    facts += ("concurrency", "precision", "runs_on")
    assert [getattr(first, one) for one in facts] == [getattr(second, one) for one in facts]


def test_it_does_not_import_torch(kept: Path, weights: Path) -> None:
    settings = {"model": NAME, "cache_dir": str(kept), "clip_weights": str(weights)}
    started = quick_starts.in_own_process(settings)
    assert started.imported == set()
    assert started.texts.shape == (1, 32)


@pytest.mark.parametrize(
    "changed",
    [{"precision": "bf16"}, {"model_threads": 2}, {"backend": "torch"}, {"bulk": False}],
    ids=str,
)
def test_other_settings_are_another_start(
    cache: Path, weights: Path, with_torch: list[str], changed: dict[str, object]
) -> None:
    load(cache, weights, **changed)  # type: ignore[arg-type]
    assert with_torch == [NAME]


def test_other_variables_and_devices_are_another_start(
    cache: Path, weights: Path, with_torch: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    load(cache, weights)
    monkeypatch.setattr("worker.encoders.quick_start._ACCELERATORS", ("null",))
    load(cache, weights)
    assert with_torch == [NAME] * 2


def test_torch_is_not_remembered(cache: Path, weights: Path, with_torch: list[str]) -> None:
    for _ in range(2):
        assert load(cache, weights, backend="torch").runs_on.startswith("cpu")
    assert with_torch == [NAME] * 2


def test_changed_weights_are_another_model(
    cache: Path, weights: Path, tmp_path: Path, with_torch: list[str]
) -> None:
    before = load(cache, weights).revision
    other = clip_weights.random_clip(clip_weights.SMALL)
    other.positional_embedding.data.add_(0.1)
    file = clip_weights.save_for_hub(other, tmp_path / "other")
    assert load(cache, file).revision != before
    assert with_torch == [NAME]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"folder": 1}'])
def test_a_damaged_record_is_replaced(
    cache: Path, weights: Path, with_torch: list[str], content: str
) -> None:
    (record,) = (cache / "starts").glob("*.json")
    record.write_text(content)
    for _ in range(2):
        load(cache, weights)
    assert with_torch == [NAME]


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_without_its_conversion_it_converts_again(
    cache: Path, weights: Path, with_torch: list[str], damage: str
) -> None:
    (folder,) = (path for path in (cache / "openvino").iterdir() if path.is_dir())
    if damage == "removed":
        shutil.rmtree(folder)
    else:
        (folder / "images.bin").write_bytes(b"other")
    for _ in range(2):
        load(cache, weights)
    assert with_torch == [NAME]
