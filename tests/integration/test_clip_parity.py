"""Our CLIP is OpenAI's: batched, cut and lowered, it agrees with the package's plain path.

ViT-B/32's architecture is built with seeded random weights, saved in both forms
that are published, and loaded through the path that real weights take.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import clip
import numpy as np
import pytest
import torch
from PIL import Image

from common.images.decode import decode
from common.settings import Settings
from tests.support import clip_weights, pictures
from worker.encoders.base import Encoder
from worker.encoders.crop import centre_square
from worker.encoders.registry import load_encoder
from worker.encoders.two_tower import TwoTowerEncoder

# Two threads, as the smallest machine that is meant to run a worker has.
THREADS = 2

# Whether to compare every photograph, not some; without bf16 hardware that takes half an hour.
ALL = os.environ.get("PARITY") == "all"

# Pictures in one batch; no divisor of their number, so that batches of two sizes are met.
BATCH = 32

# Photographs that OpenVINO embeds in `make test`; smaller models take the contract's tests.
FEW = 9

# Short, long, empty, foreign, and longer than the model reads.
SENTENCES = [
    "a white dog",
    "dog",
    "",
    "a photo of a grand piano in a large room with tall windows, seen from the left, at dusk",
    "ein weißer Hund, 一只白狗, 🐕",
    "word " * 100,
]

Transform = Callable[[Image.Image], torch.Tensor]


@dataclass
class Plain:
    """The package as it comes: its loader, its transform, its model in float32."""

    model: torch.nn.Module
    transform: Transform
    # float32 [photographs, 512], unit rows.
    images: np.ndarray


@pytest.fixture(scope="module")
def paths(photos: Path) -> list[Path]:
    return sorted(photos.glob("*/*.jpg"))


@pytest.fixture(scope="module")
def some(paths: list[Path]) -> list[Path]:
    """Two photographs of each category; what the model is given is compared for all of them.

    In bf16 there are fewer still: without hardware support each takes a second.
    """
    if ALL:
        return paths
    folders = groupby(paths, key=lambda path: path.parent)
    return [path for _, of_category in folders for path in islice(of_category, 2)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("weights")
    model = clip_weights.random_clip(clip_weights.VIT_B_32)
    forms = {
        "archive": clip_weights.save_archive(model, folder / "archive.pt"),
        "state dict": clip_weights.save_state_dict(model, folder / "state.pt"),
    }
    yield forms
    # Over a gigabyte, which pytest would keep for three runs.
    for weights in forms.values():
        weights.unlink()


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache for the converted model, which is made once."""
    folder = tmp_path_factory.mktemp("converted")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def plain(saved: dict[str, Path], some: list[Path]) -> Plain:
    with warnings.catch_warnings():
        # torch deprecates the reading of TorchScript archives, which OpenAI published.
        warnings.simplefilter("ignore", FutureWarning)
        model, transform = clip.load(str(saved["archive"]), device="cpu")
    rows = []
    with torch.inference_mode():
        for start in range(0, len(some), BATCH):
            batch = [transform(Image.open(path)) for path in some[start : start + BATCH]]
            rows.append(model.encode_image(torch.stack(batch)))
    return Plain(model, transform, unit(torch.cat(rows)))


def unit(features: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(features.float(), dim=-1).numpy()


def encoder_of(weights: Path, precision: str) -> TwoTowerEncoder:
    settings = Settings(device="cpu", precision=precision, torch_threads=THREADS)
    return clip_weights.encoder_of(weights, settings)


def embed(encoder: Encoder, paths: list[Path]) -> np.ndarray:
    """Embed photographs as a worker does: from their bytes, in batches."""
    pixels = [encoder.preprocess(decode(path.read_bytes(), 10**8).image) for path in paths]
    batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
    return np.concatenate([encoder.encode_images(batch) for batch in batches])


def cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours * theirs).sum(axis=1)


@pytest.mark.timeout(1200)
def test_random_weights_tell_photographs_apart(plain: Plain) -> None:
    scores = plain.images @ plain.images.T
    apart = scores[np.triu_indices(len(scores), 1)]
    # Were all photographs alike to this model, agreement on them would mean nothing.
    assert np.median(apart) < 0.9
    assert np.quantile(apart, 0.99) < 0.995


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("form", "precision", "cosine", "count"),
    [("archive", "fp32", 0.99999, None), ("state dict", "bf16", 0.999, None if ALL else BATCH + 1)],
)
def test_photographs_are_embedded_as_the_package_does(
    plain: Plain,
    saved: dict[str, Path],
    some: list[Path],
    form: str,
    precision: str,
    cosine: float,
    count: int | None,
) -> None:
    ours = embed(encoder_of(saved[form], precision), some[:count])
    worst = cosines(ours, plain.images[:count]).min()
    print(f"{precision}: worst cosine of {len(ours)} photographs is {worst:.7f}")  # noqa: T201 (a figure for the report)
    assert worst >= cosine


@pytest.mark.parametrize(
    ("form", "precision", "cosine", "count"),
    [("state dict", "fp32", 0.99999, None), ("archive", "bf16", 0.999, None if ALL else BATCH)],
)
def test_texts_are_embedded_as_the_package_does(
    plain: Plain,
    saved: dict[str, Path],
    paths: list[Path],
    form: str,
    precision: str,
    cosine: float,
    count: int | None,
) -> None:
    names = sorted({path.parent.name.replace("_", " ") for path in paths})
    texts = (SENTENCES + [f"a photo of a {name}" for name in names])[:count]
    with torch.inference_mode():
        theirs = unit(plain.model.encode_text(clip.tokenize(texts, truncate=True)))
    ours = encoder_of(saved[form], precision).encode_texts(texts)
    assert cosines(ours, theirs).min() >= cosine
    assert cosines(ours[:1], theirs[1:2]).max() < cosine


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("precision", "cosine"), [("fp32", 0.99999), ("bf16", 0.999)])
def test_openvino_embeds_as_the_package_does(
    plain: Plain,
    saved: dict[str, Path],
    some: list[Path],
    converted: Path,
    precision: str,
    cosine: float,
) -> None:
    settings = Settings(
        device="cpu",
        precision=precision,
        torch_threads=THREADS,
        clip_weights=saved["archive"],
        cache_dir=converted,
        backend="openvino",
    )
    encoder = load_encoder(settings)
    count = len(some) if ALL else FEW
    worst = cosines(embed(encoder, some[:count]), plain.images[:count]).min()
    print(f"openvino, {precision}: worst cosine is {worst:.7f}")  # noqa: T201 (for the report)
    assert worst >= cosine
    with torch.inference_mode():
        theirs = unit(plain.model.encode_text(clip.tokenize(SENTENCES, truncate=True)))
    assert cosines(encoder.encode_texts(SENTENCES), theirs).min() >= cosine


def test_both_forms_hold_the_same_model(saved: dict[str, Path]) -> None:
    archive, state = (encoder_of(saved[form], "fp32") for form in ("archive", "state dict"))
    pixels = [archive.preprocess(pictures.scene(1, (300, 240)))]
    assert np.array_equal(archive.encode_images(pixels), state.encode_images(pixels))
    assert archive.revision == state.revision


def test_the_other_family_agrees_as_well(tmp_path: Path) -> None:
    model = clip_weights.random_clip(clip_weights.SMALL_RESNET)
    weights = clip_weights.save_archive(model, tmp_path / "resnet.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs, transform = clip.load(str(weights), device="cpu")
    scenes = [pictures.scene(seed, (90, 70)) for seed in range(8)]
    with torch.inference_mode():
        expected = unit(theirs.encode_image(torch.stack([transform(scene) for scene in scenes])))
    for precision, cosine in (("fp32", 0.99999), ("bf16", 0.999)):
        encoder = encoder_of(weights, precision)
        ours = encoder.encode_images([encoder.preprocess(scene) for scene in scenes])
        assert cosines(ours, expected).min() >= cosine


def as_bytes(image: Image.Image, size: int) -> np.ndarray:
    """Run the package's transform and undo its normalisation: uint8 [size, size, 3]."""
    transform = clip.clip._transform(size)
    mean, std = (
        torch.tensor(value).view(3, 1, 1)
        for value in (transform.transforms[-1].mean, transform.transforms[-1].std)
    )
    pixels = (transform(image) * std + mean) * 255
    return pixels.round().to(torch.uint8).permute(1, 2, 0).numpy()


def test_every_photograph_is_prepared_as_the_package_does(paths: list[Path]) -> None:
    for path in paths:
        ours = centre_square(decode(path.read_bytes(), 10**8).image, 224)
        assert np.array_equal(ours, as_bytes(Image.open(path), 224)), path


@pytest.mark.parametrize("size", [224, 288, 336])
@pytest.mark.parametrize(
    ("width", "height"),
    [
        (1, 1),
        (2, 3),
        (224, 224),
        (225, 224),
        (223, 500),
        (500, 333),
        (333, 500),
        (1000, 60),
        (97, 1600),
    ],
)
def test_odd_shapes_are_prepared_as_the_package_does(width: int, height: int, size: int) -> None:
    scene = pictures.scene(width, (width, height))
    assert np.array_equal(centre_square(scene, size), as_bytes(scene, size))


@pytest.mark.parametrize(("width", "height"), [(3, 1000), (1000, 3), (19, 734), (5001, 20)])
def test_very_long_pictures_are_prepared_to_within_two_levels(width: int, height: int) -> None:
    scene = pictures.scene(width, (width, height))
    ours, theirs = centre_square(scene, 224).astype(int), as_bytes(scene, 224).astype(int)
    assert np.abs(ours - theirs).max() <= 2
    assert ours.std() > 1
