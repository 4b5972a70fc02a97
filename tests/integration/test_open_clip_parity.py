"""Our open_clip is the package's: batched, cut and lowered, it agrees with the plain path.

The plain path is open_clip's own: its transform, its tokenizer and its model in float32, one
picture and one text at a time. Architectures are made shallow; `PARITY=all` takes whole ones.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import resource
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from common.settings import Settings
from tests.support import open_clip_models, pictures
from tests.support.open_clip_models import SIGLIP_PREPROCESSING
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.compute import Compute
from worker.encoders.open_clip.loading import load_open_clip
from worker.encoders.open_clip.preprocessing import Preprocessing
from worker.encoders.towers import Towers
from worker.encoders.two_tower import TwoTowerEncoder

# Whether to build the whole architectures; in bf16 without hardware support that takes minutes.
ALL = os.environ.get("PARITY") == "all"

# A model of open_clip's table, found in a cache that looks as if it had been downloaded.
LISTED = "ViT-B-32"
TAG = "laion2b_s34b_b79k"

# Causal text towers are cut; the others have no mask.
CAUSAL = {
    LISTED: True,
    "PE-Core-B-16": True,
    "convnext_base": True,
    "EVA02-B-16": True,
    "ViT-B-32-SigLIP2-256": False,
    "MobileCLIP2-S0": False,
}

SIZES = ((300, 200), (160, 400), (224, 224))

# Short, empty, foreign, capitals and punctuation, and longer than any model reads.
TEXTS = [
    "a white dog",
    "",
    "ein weißer Hund, 一只白狗, 🐕",
    "A White_Dog!  (In the GRASS...)",
    "word " * 100,
]


@dataclasses.dataclass
class Pair:
    """A model by Glimpse, and its vectors by the plain path: float32, unit rows."""

    towers: Towers
    images: np.ndarray
    texts: np.ndarray


@pytest.fixture(scope="module", params=CAUSAL)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == LISTED:
            if not ALL:
                shallow = open_clip_models.shallow(LISTED)
                patch.setitem(open_clip.factory._MODEL_CONFIGS, LISTED, shallow)
            name = open_clip_models.cached(folder, LISTED, TAG, patch)
            theirs = plain(LISTED, TAG)
        else:
            preprocessing = SIGLIP_PREPROCESSING if "SigLIP" in request.param else None
            shape = open_clip.get_model_config if ALL else open_clip_models.shallow
            name = open_clip_models.save(folder, shape(request.param), preprocessing)
            theirs = plain(name.removeprefix("open_clip:"))
        yield Pair(load_open_clip(name), *theirs)
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()


def scenes() -> list[Image.Image]:
    return [pictures.scene(seed, size) for seed, size in enumerate(SIZES)]


def plain(name: str, tag: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    model, _, transform = open_clip.create_model_and_transforms(name, tag)
    tokenize = open_clip.get_tokenizer(name)
    model.eval()
    with torch.inference_mode():
        images = [model.encode_image(transform(scene)[None]) for scene in scenes()]
        texts = [model.encode_text(tokenize([text])) for text in TEXTS]
    return unit(torch.cat(images)), unit(torch.cat(texts))


def unit(features: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(features, dim=-1).numpy()


def encoder_of(towers: Towers, precision: str) -> TwoTowerEncoder:
    """Return an encoder with modules of its own, since backends lower the precision in place."""
    settings = Settings(device="cpu", precision=precision, torch_threads=2)
    images, texts = copy.deepcopy((towers.images, towers.texts))
    own = dataclasses.replace(towers, images=images, texts=texts)
    return TwoTowerEncoder(own, TorchBackend(own, Compute.choose(settings)))


@contextmanager
def bounded_memory(more: int) -> Iterator[None]:
    """Let this process map only so many more bytes; beyond, an allocation fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours * theirs).sum(axis=1)


def test_random_weights_tell_pictures_and_texts_apart(pair: Pair) -> None:
    for vectors in (pair.images, pair.texts):
        scores = vectors @ vectors.T
        apart = scores[np.triu_indices(len(scores), 1)]
        # Were all inputs alike to this model, agreement on them would mean nothing.
        assert np.median(apart) < 0.99
        assert apart.min() < 0.9


@pytest.mark.parametrize(("precision", "cosine"), [("fp32", 0.99999), ("bf16", 0.999)])
def test_it_embeds_as_the_package_does(pair: Pair, precision: str, cosine: float) -> None:
    encoder = encoder_of(pair.towers, precision)
    # In bf16, whose products most machines emulate slowly, fewer.
    count = len(SIZES) if precision == "fp32" or ALL else 1
    texts = TEXTS if precision == "fp32" or ALL else TEXTS[-2:]
    pixels = [encoder.preprocess(scene) for scene in scenes()[:count]]
    images = cosines(encoder.encode_images(pixels), pair.images[:count]).min()
    read = cosines(encoder.encode_texts(texts), pair.texts[-len(texts) :]).min()
    print(f"{pair.towers.name} {precision}: worst cosines {images:.7f} and {read:.7f}")  # noqa: T201 (figures for the report)
    assert images >= cosine
    assert read >= cosine


def test_texts_are_cut_only_where_that_changes_nothing(
    pair: Pair, request: pytest.FixtureRequest
) -> None:
    towers = pair.towers
    assert towers.causal == CAUSAL[request.node.callspec.params["pair"]]
    length = towers.tokenize(["a dog"]).shape[1]
    assert length == (4 if towers.causal else towers.context_length)
    assert towers.tokenize(TEXTS).shape[1] == towers.context_length


def test_padding_leaves_a_causal_text_where_it_was(pair: Pair) -> None:
    towers = pair.towers
    tokens = torch.from_numpy(towers.tokenize(["a white dog"]))
    if not towers.causal:
        assert tokens.shape[1] == towers.context_length
        return
    padded = torch.nn.functional.pad(tokens, (0, towers.context_length - tokens.shape[1]))
    with torch.inference_mode():
        cut, whole = (unit(towers.texts(each)) for each in (tokens, padded))
    assert cosines(cut, whole).min() >= 0.999999


def test_both_towers_can_be_traced(pair: Pair) -> None:
    towers = pair.towers
    height, width = towers.image_size
    pixels = torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8)
    for tower, first, second in (
        (towers.images, pixels[:1], pixels),
        (towers.texts, *(torch.from_numpy(towers.tokenize(texts)) for texts in (["a"], TEXTS[:2]))),
    ):
        with warnings.catch_warnings(), torch.inference_mode():
            # torch deprecates tracing, and warns about each branch on a shape.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(tower, first, check_trace=False)
            assert torch.allclose(traced(second), tower(second), atol=1e-4)


def as_bytes(image: Image.Image, configuration: dict[str, Any]) -> np.ndarray:
    """Run the package's transform and undo its normalisation: uint8 [height, width, 3]."""
    transform = open_clip.image_transform(
        configuration["size"],
        is_train=False,
        **{key: value for key, value in configuration.items() if key != "size"},
    )
    mean, std = (torch.tensor(configuration[key]).view(3, 1, 1) for key in ("mean", "std"))
    pixels = (transform(image) * std + mean) * 255
    return pixels.round().to(torch.uint8).permute(1, 2, 0).numpy()


def preparation(**changes: Any) -> dict[str, Any]:
    return {
        "size": (224, 224),
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "interpolation": "bicubic",
        "resize_mode": "shortest",
        "fill_color": 0,
    } | changes


PREPARATIONS = [
    preparation(interpolation="bilinear"),
    preparation(resize_mode="squash"),
    preparation(resize_mode="squash", size=(160, 224), interpolation="bilinear"),
    preparation(resize_mode="longest", fill_color=127),
    preparation(resize_mode="longest", size=(160, 224)),
    preparation(size=(160, 224), interpolation="bilinear"),
]


@pytest.mark.parametrize("configuration", PREPARATIONS)
@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (224, 224), (223, 500), (500, 333), (1000, 60), (97, 1600)]
)
def test_pictures_are_prepared_as_the_package_does(
    configuration: dict[str, Any], size: tuple[int, int]
) -> None:
    scene = pictures.scene(size[0], size)
    assert np.array_equal(Preprocessing.of(configuration)(scene), as_bytes(scene, configuration))


@pytest.mark.parametrize("configuration", PREPARATIONS)
@pytest.mark.parametrize("size", [(13, 1000), (1000, 12), (19, 734)])
def test_very_long_pictures_are_prepared_to_within_two_levels(
    configuration: dict[str, Any], size: tuple[int, int]
) -> None:
    scene = pictures.scene(size[0], size)
    ours = Preprocessing.of(configuration)(scene).astype(int)
    assert np.abs(ours - as_bytes(scene, configuration).astype(int)).max() <= 2
    assert ours.std() > 1


@pytest.mark.parametrize("configuration", PREPARATIONS)
@pytest.mark.parametrize("size", [(1, 1_000_000), (1_000_000, 1)])
def test_a_picture_of_one_pixel_by_a_million_takes_little_memory(
    configuration: dict[str, Any], size: tuple[int, int]
) -> None:
    height, width = configuration["size"]
    prepared = Preprocessing.of(configuration)
    with bounded_memory(300 * 2**20):
        assert prepared(Image.new("RGB", size, "red")).shape == (height, width, 3)


def test_capitals_and_punctuation_do_not_matter_to_siglip(tmp_path: Path) -> None:
    configuration = open_clip_models.shallow("ViT-B-32-SigLIP2-256")
    towers = load_open_clip(open_clip_models.save(tmp_path, configuration, SIGLIP_PREPROCESSING))
    plainly, oddly = towers.tokenize(["a white dog in the grass", TEXTS[3]])
    assert np.array_equal(plainly, oddly)
    assert len(plainly) == 64


def test_the_size_is_that_of_the_image_tower(tmp_path: Path) -> None:
    configuration = open_clip_models.small()
    configuration["vision_cfg"]["image_size"] = [48, 80]
    name = open_clip_models.save(tmp_path, configuration, {"size": 224})
    encoder = open_clip_models.encoder_of(name)
    pixels = encoder.preprocess(pictures.scene(1, (300, 200)))
    assert pixels.shape == (48, 80, 3)
    assert encoder.encode_images([pixels]).shape == (1, 32)
