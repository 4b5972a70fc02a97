"""Backends: which one runs a model, and how OpenVINO's conversion is cached."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InvalidSettings, SetupError
from common.settings import Settings
from tests.support import clip_weights
from worker.encoders.backends import choose, conversion
from worker.encoders.backends.base import Backend
from worker.encoders.backends.choose import choose_backend
from worker.encoders.backends.conversion import converted_backend
from worker.encoders.backends.converted import is_whole
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.backends.trial import Trial, recall, seconds_of
from worker.encoders.clip.loading import load_clip
from worker.encoders.compute import Compute
from worker.encoders.file_digests import FileDigests
from worker.encoders.towers import Towers
from worker.encoders.two_tower import TwoTowerEncoder
from worker.encoders.vectors import unit_rows
from worker.measurement import Measurement

SETTINGS = Settings(device="cpu", precision="fp32", torch_threads=1)
COMPUTE = Compute(torch.device("cpu"), torch.float32, 2)

TEXTS = ["a white dog", "dog", "", "word " * 100]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = clip_weights.random_clip(clip_weights.SMALL)
    return clip_weights.save_state_dict(model, tmp_path_factory.mktemp("weights") / "small.pt")


@pytest.fixture
def towers(file: Path) -> Towers:
    return load_clip("small", file)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, file: Path) -> Path:
    """A cache that holds the model's conversion."""
    folder = tmp_path_factory.mktemp("cache")
    converted_backend(load_clip("small", file), COMPUTE, folder)
    return folder


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3), np.uint8)


def conversions(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "openvino").iterdir() if path.is_dir())


def embed(backend: Backend, towers: Towers) -> np.ndarray:
    texts = [backend.embed_texts(towers.tokenize([text])) for text in TEXTS]
    return unit_rows(np.concatenate([backend.embed_images(pixels(3)), *texts]))


def agree(backend: Backend, towers: Towers) -> bool:
    expected = embed(TorchBackend(towers, COMPUTE), towers)
    return bool((embed(backend, towers) * expected).sum(axis=1).min() >= 0.99999)


def test_a_conversion_is_made_once(cache: Path, towers: Towers) -> None:
    (made,) = conversions(cache)
    before = {path: path.stat().st_mtime_ns for path in made.iterdir()}
    assert agree(converted_backend(towers, COMPUTE, cache), towers)
    assert {path: path.stat().st_mtime_ns for path in made.iterdir()} == before


def test_torchs_weights_are_freed(cache: Path, file: Path) -> None:
    towers = load_clip("small", file)
    encoder = TwoTowerEncoder(towers, converted_backend(towers, COMPUTE, cache))
    modules = [weakref.ref(towers.images), weakref.ref(towers.texts)]
    del towers
    gc.collect()
    assert [module() for module in modules] == [None, None]
    assert encoder.encode_texts(["a dog"]).shape == (1, encoder.dim)


def test_another_normalisation_is_another_conversion(cache: Path, towers: Towers) -> None:
    towers.images.mean.add_(0.1)  # type: ignore[operator]
    assert conversion._key(towers) != conversions(cache)[0].name


@pytest.mark.parametrize("name", ["images.bin", "texts.xml", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "changed", "removed"])
def test_a_damaged_conversion_is_made_again(
    tmp_path: Path, cache: Path, towers: Towers, name: str, damage: str
) -> None:
    (made,) = conversions(cache)
    copy = tmp_path / "openvino" / made.name
    copy.mkdir(parents=True)
    for path in made.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    broken = copy / name
    whole = broken.read_bytes()
    if damage == "removed":
        broken.unlink()
    else:
        broken.write_bytes(whole[:100] if damage == "truncated" else b"\xff" + whole[1:])
    assert not is_whole(copy, FileDigests(tmp_path))
    if (name, damage) == ("images.bin", "truncated"):
        assert agree(converted_backend(towers, COMPUTE, tmp_path), towers)
        assert [path.name for path in conversions(tmp_path)] == [made.name]


def test_without_a_writable_cache_it_runs_uncached(tmp_path: Path, towers: Towers) -> None:
    (tmp_path / "file").write_text("")
    assert agree(converted_backend(towers, COMPUTE, tmp_path / "file"), towers)


def test_two_that_start_at_once_convert_once(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, convert = [], conversion._convert
    monkeypatch.setattr(conversion, "_convert", lambda towers: calls.append(1) or convert(towers))
    pair = [load_clip("small", file) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        backends = list(threads.map(lambda one: converted_backend(one, COMPUTE, tmp_path), pair))
    assert len(calls) == len(conversions(tmp_path)) == 1
    assert all(agree(backend, one) for backend, one in zip(backends, pair, strict=True))


def test_a_model_that_converts_wrongly_is_refused(tmp_path: Path, towers: Towers) -> None:
    class Changing(torch.nn.Module):
        """Traced with two rows, it computes something else for other numbers of rows."""

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            flat = rows.flatten(1).float()[:, :32] + 1
            return flat if len(rows) == 2 else flat * torch.linspace(-1, 1, 32)

    odd = replace(towers, images=Changing(), revision="odd")
    with pytest.raises(SetupError, match="GLIMPSE_BACKEND=torch"):
        converted_backend(odd, COMPUTE, tmp_path)
    assert not conversions(tmp_path)
    settings = SETTINGS.model_copy(update={"cache_dir": tmp_path})
    assert choose_backend(odd, COMPUTE, settings, bulk=True).name == "torch"


def test_first_batches_may_be_concurrent(cache: Path, towers: Towers) -> None:
    backend = converted_backend(towers, COMPUTE, cache)
    barrier = threading.Barrier(2)

    def first(_: int) -> np.ndarray:
        barrier.wait()
        return backend.embed_images(pixels(4))

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(first, range(2))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("bulk", [True, False])
def test_auto_takes_the_faster_and_remembers_it(
    tmp_path: Path, file: Path, bulk: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = SETTINGS.model_copy(update={"cache_dir": tmp_path})
    first = choose_backend(load_clip("small", file), COMPUTE, settings, bulk=bulk)
    (file_of_trial,) = (tmp_path / "backends").glob("*.json")
    remembered = Measurement(file_of_trial)
    trial = recall(remembered)
    assert trial is not None
    assert trial.backend == first.name
    assert set(trial.seconds) == {"openvino", "torch"}
    assert f"encoder.backend backend={first.name} reason='a trial'" in caplog.text
    other = "torch" if first.name == "openvino" else "openvino"
    remembered.remember(asdict(Trial(other, trial.seconds)))
    again = choose_backend(load_clip("small", file), COMPUTE, settings, bulk=bulk)
    assert again.name == other
    assert f"encoder.backend backend={other} reason='an earlier trial'" in caplog.text


def test_the_backend_that_takes_less_time_is_the_faster(towers: Towers) -> None:
    class Paced:
        def __init__(self, name: str, rounds: int) -> None:
            self.name, self.concurrency, self._rounds = name, 1, rounds

        def embed_images(self, pixels: np.ndarray) -> np.ndarray:
            for _ in range(self._rounds):
                pixels.sum()
            return np.ones((len(pixels), 2), np.float32)

        embed_texts = embed_images

    paced = {"slow": Paced("slow", 2000), "quick": Paced("quick", 1)}
    for bulk in (True, False):
        seconds = seconds_of(paced, towers, bulk=bulk)
        assert seconds["quick"] < seconds["slow"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"backend": "abacus", "seconds": {}}'])
def test_a_damaged_memory_of_a_trial_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "trial.json").write_text(content)
    assert recall(Measurement(tmp_path / "trial.json")) is None


@pytest.mark.parametrize(
    ("settings", "compute", "word"),
    [
        ({"precision": "fp16"}, replace(COMPUTE, dtype=torch.float16), "fp16"),
        ({}, replace(COMPUTE, device=torch.device("cuda")), "GLIMPSE_DEVICE=cpu"),
    ],
)
def test_openvino_refuses_what_it_cannot_run(
    towers: Towers, settings: dict[str, str], compute: Compute, word: str
) -> None:
    chosen = SETTINGS.model_copy(update={"backend": "openvino", **settings})
    with pytest.raises(InvalidSettings, match=word):
        choose_backend(towers, compute, chosen, bulk=True)


def test_half_precision_is_left_to_torch(tmp_path: Path, towers: Towers) -> None:
    settings = SETTINGS.model_copy(update={"precision": "fp16", "cache_dir": tmp_path})
    half = replace(COMPUTE, dtype=torch.float16)
    assert choose_backend(towers, half, settings, bulk=True).name == "torch"
    assert not list(tmp_path.iterdir())


def test_without_openvino_auto_is_torch(
    tmp_path: Path, towers: Towers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "worker.encoders.backends.conversion", None)
    settings = SETTINGS.model_copy(update={"cache_dir": tmp_path})
    assert choose_backend(towers, COMPUTE, settings, bulk=True).name == "torch"
    explicit = settings.model_copy(update={"backend": "openvino"})
    with pytest.raises(SetupError, match=r"pip install 'glimpse\[worker,openvino\]'"):
        choose_backend(towers, COMPUTE, explicit, bulk=True)


def test_openvino_reports_nothing(tmp_path: Path) -> None:
    script = (
        "import json, sys\n"
        "import worker.encoders.backends.conversion\n"
        "print(json.dumps(sorted(n for n, m in sys.modules.items() if m and 'telemetry' in n)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(run.stdout)
    assert "openvino.tools.ovc.telemetry_stub" in loaded
    assert not [name for name in loaded if name.startswith("openvino_telemetry")]
    assert not list(tmp_path.iterdir())


def test_a_compiled_model_agrees(tmp_path: Path) -> None:
    # One layer: each takes seconds to compile.
    model = clip_weights.random_clip(clip_weights.TINY)
    file = clip_weights.save_state_dict(model, tmp_path / "tiny.pt")
    towers = load_clip("tiny", file)
    compiled = TorchBackend(load_clip("tiny", file), COMPUTE, compiled=True)
    plain, tokens = TorchBackend(towers, COMPUTE), towers.tokenize(["a white dog"])
    for one, other in (
        (compiled.embed_images(pixels(3)), plain.embed_images(pixels(3))),
        (compiled.embed_texts(tokens), plain.embed_texts(tokens)),
    ):
        assert (unit_rows(one) * unit_rows(other)).sum(axis=1).min() >= 0.99999


def test_a_model_that_cannot_be_compiled_says_what_to_install(towers: Towers) -> None:
    class Failing(torch.nn.Module):
        """Fails as a missing compiler does: when it is first run."""

        def forward(self, _: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("No working C++ compiler found.")

    with pytest.raises(SetupError, match="Install a C\\+\\+ compiler"):
        TorchBackend(replace(towers, images=Failing()), COMPUTE, compiled=True)
