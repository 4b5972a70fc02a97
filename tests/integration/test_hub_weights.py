"""Weights from a model hub: verified, complete, and the model that the `clip` package loads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clip
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from common.errors import WeightsUnavailable
from common.settings import Settings
from tests.support import clip_weights, hub, pictures
from tests.support.hub import Hub
from worker.encoders.clip import weights
from worker.encoders.clip.architectures import ARCHITECTURES, layout, require_architecture
from worker.encoders.clip.hub import HUB_FILES, HubFile
from worker.encoders.clip.loading import load_clip
from worker.encoders.clip.weights import OFFICIAL_FILES, find_weights
from worker.encoders.file_digests import sha256_of
from worker.encoders.registry import choose_model, load_encoder

NAME = "ViT-B/32"
REPOSITORY = HUB_FILES[NAME].repository
COMMIT = "c" * 40

# Bytes of the repositories' files, as the public programs that pin their checksums record them.
PUBLISHED_BYTES = {
    "RN50": 408_291_932,
    "ViT-B/32": 605_143_284,
    "ViT-B/16": 598_516_980,
    "ViT-L/14@336px": 1_711_828_444,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights in the hub's format, of a small architecture."""
    model = clip_weights.random_clip(clip_weights.SMALL)
    return clip_weights.save_for_hub(model, tmp_path_factory.mktemp("hub") / hub.FILENAME)


@pytest.fixture
def served(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the small model under ViT-B/32's name, and no other source of weights."""
    with Hub(small, REPOSITORY, COMMIT) as served:
        monkeypatch.setitem(HUB_FILES, NAME, HubFile(REPOSITORY, COMMIT, served.sha256))
        monkeypatch.setitem(ARCHITECTURES, NAME, clip_weights.SMALL)
        monkeypatch.setattr(weights, "OFFICIAL_ADDRESS", "http://127.0.0.1:9")
        hub.use(monkeypatch, served.url, tmp_path / "hub")
        yield served


def unpin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the checksum, as of the models whose checksum is not known."""
    monkeypatch.setitem(HUB_FILES, NAME, HubFile(REPOSITORY))


def settings(tmp_path: Path, **given: object) -> Settings:
    return Settings(
        model=NAME, clip_cache=tmp_path / "cache", device="cpu", precision="fp32", **given
    )


def failure(tmp_path: Path) -> str:
    """Fail to find weights; return the reason, after checking that nothing is left of them."""
    with pytest.raises(WeightsUnavailable) as caught:
        find_weights(NAME, settings(tmp_path))
    left = [path for path in (tmp_path / "hub").rglob("*") if path.suffix != ".lock"]
    assert [path for path in left if path.is_file() and path.stat().st_size > 200] == []
    assert str(caught.value).count("\n") == 0
    return str(caught.value)


def test_every_model_has_a_repository_and_an_architecture() -> None:
    assert list(HUB_FILES) == list(ARCHITECTURES) == list(OFFICIAL_FILES)


@pytest.mark.parametrize("name", PUBLISHED_BYTES)
def test_the_published_files_have_the_names_of_the_clip_package(name: str) -> None:
    """Their size equals, to the byte, that of a file with these names in float32."""
    sizes = {torch.float32: ("F32", 4), torch.int64: ("I64", 8)}
    header, offset = {}, 0
    tensors = layout(name)
    # The order of safetensors: by the size of a number, then by name.
    for key in sorted(tensors, key=lambda key: (-tensors[key].element_size(), key)):
        tensor = tensors[key]
        form, size = sizes[tensor.dtype]
        end = offset + tensor.numel() * size
        header[key] = {"dtype": form, "shape": [*tensor.shape], "data_offsets": [offset, end]}
        offset = end
    text = len(json.dumps(header, separators=(",", ":")))
    # A number of eight bytes says how long the header is, which is padded to a multiple of eight.
    assert 8 + -(-text // 8) * 8 + offset == PUBLISHED_BYTES[name]


def test_the_models_agree_with_the_clip_package(served: Hub, tmp_path: Path) -> None:
    archive = clip_weights.save_archive(
        clip_weights.random_clip(clip_weights.SMALL), tmp_path / "small.pt"
    )
    with warnings.catch_warnings():
        # torch deprecates the reading of TorchScript archives, which OpenAI published.
        warnings.simplefilter("ignore", FutureWarning)
        theirs, transform = clip.load(str(archive), device="cpu")
    scenes = [pictures.scene(seed, (90, 70)) for seed in range(4)]
    texts = ["a white dog", "", "word " * 100]
    with torch.inference_mode():
        images = theirs.encode_image(torch.stack([transform(scene) for scene in scenes]))
        sentences = theirs.encode_text(clip.tokenize(texts, truncate=True))
    encoder = load_encoder(settings(tmp_path))
    ours = encoder.encode_images([encoder.preprocess(scene) for scene in scenes])
    assert (ours * unit(images)).sum(axis=1).min() >= 0.99999
    assert (encoder.encode_texts(texts) * unit(sentences)).sum(axis=1).min() >= 0.99999
    assert encoder.revision == load_clip(NAME, archive).revision


def unit(features: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(features.float(), dim=-1).numpy()


def test_a_file_is_fetched_once_and_found_without_the_hub(served: Hub, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: find_weights(NAME, settings(tmp_path)), range(3)))
    assert {weights.path.read_bytes() for weights in found} == {served.file.read_bytes()}
    assert len(served.bodies) == 1
    served.asked.clear()
    assert find_weights(NAME, settings(tmp_path)) == found[0]
    assert served.asked == []


def test_the_cached_archive_comes_before_the_hub(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OFFICIAL_FILES, NAME, ("ViT-B-32.pt", served.sha256))
    (tmp_path / "cache").mkdir()
    cached = shutil.copy(served.file, tmp_path / "cache" / "ViT-B-32.pt")
    assert find_weights(NAME, settings(tmp_path)).path == cached
    assert served.asked == []


def test_auto_is_clip_where_there_is_a_hub(served: Hub, tmp_path: Path) -> None:
    assert choose_model(settings(tmp_path).model_copy(update={"model": "auto"})) == NAME


def test_the_hubs_official_weights_have_the_official_former_revision(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_encoder(settings(tmp_path)).former_revisions == ("40d365715913",)
    unpin(monkeypatch)
    served.asked.clear()
    assert load_encoder(settings(tmp_path)).former_revisions == ()


@pytest.mark.parametrize("way", ["cut", "stalled"])
def test_a_broken_connection_is_resumed(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    # Seconds; short, so that the test of a silent server is quick.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
    served.way = way
    assert find_weights(NAME, settings(tmp_path)).path.read_bytes() == served.file.read_bytes()
    first, second = (asked[2] for asked in served.bodies)
    assert first == ""
    # huggingface_hub writes blocks of 10 MiB, and keeps those that were complete.
    assert second == f"bytes={10 * 1024**2}-"


def test_the_token_goes_to_the_hub_and_nowhere_else(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    caplog.set_level("DEBUG")
    find_weights(NAME, settings(tmp_path))
    given = {path.split("/")[1]: token for _, path, _, token in served.asked}
    assert given == {"timm": "Bearer hf_secret", "files": ""}
    served.way = "401"
    shutil.rmtree(tmp_path / "hub")
    assert "hf_secret" not in failure(tmp_path) + caplog.text


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("401", "status 401; the repository does not exist, or HF_TOKEN has no access to it"),
        ("404", "status 404"),
        ("503", "status 503"),
        ("html", "it does not answer as a model hub does"),
        ("truncated", "Consistency check failed"),
    ],
)
def test_a_bad_answer_leaves_nothing(served: Hub, tmp_path: Path, way: str, reason: str) -> None:
    served.way = way
    assert reason in failure(tmp_path)


def test_a_hub_that_is_not_there_is_named(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.use(monkeypatch, "http://127.0.0.1:9", tmp_path / "hub")
    message = failure(tmp_path)
    assert f"http://127.0.0.1:9/{REPOSITORY}/resolve/{COMMIT}/{hub.FILENAME} failed" in message


def test_offline_the_hub_is_not_asked(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in failure(tmp_path)
    assert served.asked == []


def test_wrong_bytes_are_discarded_and_the_next_source_is_tried(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HUB_FILES, NAME, HubFile(REPOSITORY, COMMIT, "0" * 64))
    message = failure(tmp_path)
    assert "sent wrong bytes" in message
    assert "5. GLIMPSE_CLIP_MIRROR: not set" in message


def test_a_damaged_file_is_fetched_again(served: Hub, tmp_path: Path) -> None:
    path = find_weights(NAME, settings(tmp_path)).path
    path.write_bytes(path.read_bytes()[:-1])
    assert find_weights(NAME, settings(tmp_path)).path.read_bytes() == served.file.read_bytes()
    assert len(served.bodies) == 2


def test_a_cache_that_cannot_be_made_is_named(served: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file where the folder should be")
    message = failure(tmp_path)
    assert "Hugging Face Hub: " in message
    assert f"{tmp_path}/hub" in message


def test_a_full_disk_is_named(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "hub"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        # Without the right to mount, writing the file fails as it does on a full disk.
        disk.rmdir()
        full_disk(monkeypatch)
    try:
        with warnings.catch_warnings():
            # huggingface_hub warns, too, that the disk is too small.
            warnings.simplefilter("ignore")
            assert "No space left on device" in failure(tmp_path)
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", disk], check=True)


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("huggingface_hub.file_download.http_get", write)


def spoil(path: Path, **changed: torch.Tensor | None) -> None:
    """Rewrite a file of weights, with some tensors changed or left out."""
    tensors = {**load_file(path), **changed}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ln_final.weight": None}, "ln_final.weight is missing"),
        (
            {"visual.conv1.weight": torch.zeros(64, 3, 8, 8)},
            r"visual.conv1.weight has the shape [64, 3, 8, 8] instead of [64, 3, 16, 16]",
        ),
        ({"ln_final.bias": torch.zeros(64, dtype=torch.int8)}, "ln_final.bias has the type"),
        ({"extra": torch.zeros(1)}, "extra is not part of the model"),
    ],
)
def test_a_file_without_a_known_checksum_must_be_complete(
    served: Hub,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, torch.Tensor | None],
    reason: str,
) -> None:
    unpin(monkeypatch)
    spoiled = Path(shutil.copy(small, tmp_path / "spoiled"))
    spoil(spoiled, **changed)
    served.file = spoiled
    assert reason in failure(tmp_path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a pickle", b"", b"x" * 5000])
def test_a_file_without_a_known_checksum_must_be_safetensors(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    unpin(monkeypatch)
    served.file = tmp_path / "something"
    served.file.write_bytes(content)
    assert "does not contain CLIP weights" in failure(tmp_path)


@pytest.mark.parametrize("form", ["safetensors", "archive", "state dict"])
def test_a_given_file_may_have_any_format(
    served: Hub, small: Path, tmp_path: Path, form: str
) -> None:
    model, path = clip_weights.random_clip(clip_weights.SMALL), tmp_path / "own"
    if form == "safetensors":
        shutil.copy(small, path)
    else:
        (clip_weights.save_archive if form == "archive" else clip_weights.save_state_dict)(
            model, path
        )
    encoder = load_encoder(settings(tmp_path, clip_weights=path))
    assert encoder.revision == load_clip(NAME, small).revision
    assert encoder.former_revisions == (sha256_of(path)[:12],)
    assert served.asked == []


def test_a_given_file_of_another_architecture_is_named(tmp_path: Path) -> None:
    other = layout("ViT-B/16")
    with pytest.raises(
        WeightsUnavailable, match=r"it contains ViT-B/16; set GLIMPSE_MODEL=ViT-B/16"
    ):
        require_architecture(NAME, other, tmp_path / "own.pt")


def test_half_a_file_is_no_weights(small: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    half.write_bytes(small.read_bytes()[:100_000])
    with pytest.raises(WeightsUnavailable, match="does not contain CLIP weights"):
        load_encoder(settings(tmp_path, clip_weights=half))
