"""What an operator reads if a model of open_clip cannot be loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import open_clip
import pytest
import torch

from common.errors import InvalidSettings, SetupError, WeightsUnavailable
from common.settings import Settings
from tests.support import open_clip_models
from tests.support.services import Valkey
from worker.encoders.open_clip.loading import fetch_open_clip, load_open_clip
from worker.encoders.open_clip.names import Source
from worker.encoders.registry import choose_model, load_encoder
from worker.stores.registry import collection_name


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("open_clip:ViT-B-32-SigLIP2-265/webli", "open_clip:ViT-B-32-SigLIP2-256/webli"),
        ("open_clip:ViT-B-32/laion2b", "open_clip:ViT-B-32/laion2b_e16"),
        ("open_clip:ViT-B/32/openai", "open_clip:ViT-B-32/openai"),
        ("open_clip:PE-Core-B-16", "open_clip:PE-Core-B-16/meta"),
        ("open_clip:ViT-B-32/openai", "open_clip:ViT-B-32-quickgelu/openai"),
    ],
)
def test_a_wrong_name_gets_the_nearest_ones(name: str, suggestion: str) -> None:
    with pytest.raises(InvalidSettings, match=suggestion) as caught:
        choose_model(Settings(model=name))
    assert "docs/models.md" in str(caught.value) or "QuickGELU" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["open_clip:", "open_clip:local-dir:", "open_clip:hf-hub:", "open_clip:hf-hub:timm"]
)
def test_an_incomplete_name_gets_the_forms(name: str) -> None:
    with pytest.raises(InvalidSettings, match="must be open_clip:ARCHITECTURE/WEIGHTS"):
        load_encoder(Settings(model=name))


def test_the_list_of_names_mentions_open_clip() -> None:
    with pytest.raises(InvalidSettings, match=r"docs/models\.md.*open_clip:NAME"):
        choose_model(Settings(model="SigLIP2"))


def test_each_listed_model_has_a_collection_of_its_own() -> None:
    listed = [f"open_clip:{model}/{tag}" for model, tag in open_clip.list_pretrained()]
    assert len({collection_name(name) for name in listed}) == len(listed)


def broken_json(folder: Path) -> None:
    (folder / "open_clip_config.json").write_text("<html>")


def no_model(folder: Path) -> None:
    (folder / "open_clip_config.json").write_text("{}")


def no_configuration(folder: Path) -> None:
    (folder / "open_clip_config.json").unlink()


def no_weights(folder: Path) -> None:
    (folder / "open_clip_model.safetensors").unlink()


def half_the_weights(folder: Path) -> None:
    weights = folder / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def a_pickle_with_code(folder: Path) -> None:
    (folder / "open_clip_model.safetensors").unlink()
    torch.save({"weights": Path}, folder / "open_clip_model.bin")


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "open_clip_config.json"
        configuration = json.loads(path.read_text())
        change(configuration)
        path.write_text(json.dumps(configuration))

    damage.__name__ = change.__name__
    return damage


def another_architecture(configuration: dict[str, Any]) -> None:
    configuration["model_cfg"]["embed_dim"] = 48


def an_unknown_filter(configuration: dict[str, Any]) -> None:
    configuration["preprocess_cfg"]["interpolation"] = "nearest"


def an_unknown_key(configuration: dict[str, Any]) -> None:
    configuration["model_cfg"]["vision_cfg"]["wings"] = 2


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (no_configuration, r"open_clip_config\.json cannot be read \(No such file or directory\)"),
        (broken_json, "is not valid JSON"),
        (no_model, 'has no "model_cfg"'),
        (no_weights, "has no weights"),
        (half_the_weights, "its files do not fit together"),
        (a_pickle_with_code, "its files do not fit together"),
        (changed(another_architecture), "its files do not fit together: .*size mismatch"),
        (changed(an_unknown_filter), "its files do not fit together: .*interpolation is 'nearest'"),
        (changed(an_unknown_key), "its files do not fit together: .*'wings'"),
    ],
)
def test_a_folder_that_is_no_model(
    tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    name = open_clip_models.save(tmp_path, open_clip_models.small())
    load_open_clip(name)
    damage(tmp_path)
    with pytest.raises(WeightsUnavailable, match=said) as caught:
        load_open_clip(name)
    sentence = str(caught.value)
    assert str(tmp_path) in sentence
    assert len(sentence) < 600
    assert "\n" not in sentence
    assert "weights_only" not in sentence


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"nowhere/open_clip_config\.json cannot be read"):
        load_open_clip(f"open_clip:local-dir:{tmp_path}/nowhere")


def test_a_path_may_start_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Source.of("open_clip:local-dir:~/clip").folder == tmp_path / "clip"


@pytest.mark.parametrize(
    "name", ["open_clip:ViT-B-32/laion2b_s34b_b79k", "open_clip:hf-hub:timm/ViT-B-32-SigLIP2-256"]
)
def test_a_hub_that_cannot_be_reached(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailable, match=r"cannot be downloaded.*HF_ENDPOINT") as caught:
        fetch_open_clip(name)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_without_the_package_the_message_says_what_to_install() -> None:
    program = """
import sys
sys.modules["open_clip"] = None
from common.settings import Settings
from worker.encoders.registry import choose_model
choose_model(Settings(model="open_clip:ViT-B-32/laion2b_e16"))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert SetupError.__name__ in result.stderr
    assert "pip install 'glimpse[worker,openclip]'" in result.stderr


@pytest.mark.parametrize(
    "command", ["worker choose", "worker run search", "celery -A worker.app:search worker"]
)
def test_importing_open_clip_leaves_nothing_among_the_temporary_files(
    tmp_path: Path, valkey: Valkey, command: str
) -> None:
    temporary, cache = tmp_path / "temporary", tmp_path / "cache"
    temporary.mkdir()
    ended = _run(command, valkey, cache, TMPDIR=str(temporary))
    assert "invalid_settings: GLIMPSE_MODEL=open_clip:nothing/none" in ended.stderr
    assert list(temporary.iterdir()) == []
    assert (cache / "inductor").is_dir()


def test_a_command_that_loads_no_model_makes_no_cache(tmp_path: Path, valkey: Valkey) -> None:
    ended = _run("worker health search", valkey, tmp_path / "cache")
    assert ended.stderr.startswith("worker_unavailable: ")
    assert not (tmp_path / "cache").exists()


def _run(
    command: str, valkey: Valkey, cache: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a module with a model that does not exist."""
    inherited = {name: value for name, value in os.environ.items() if "INDUCTOR" not in name}
    settings = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_CACHE_DIR": str(cache),
        "GLIMPSE_MODEL": "open_clip:nothing/none",
    }
    return subprocess.run(
        [sys.executable, "-m", *command.split()],
        env={**inherited, **settings, **environ},
        capture_output=True,
        text=True,
    )
