"""Contract tests for encoders: the fake, the starter, both families of CLIP, and open_clip."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import EncoderError
from common.settings import Settings
from tests.support import clip_weights, open_clip_models, pictures
from worker.decoders.process import Preprocessing
from worker.encoders.backends.choose import choose_backend
from worker.encoders.base import Encoder
from worker.encoders.clip.loading import load_clip
from worker.encoders.compute import Compute
from worker.encoders.hashing import HashingEncoder
from worker.encoders.registry import load_encoder
from worker.encoders.two_tower import TwoTowerEncoder

# fp32, since the tests compare vectors from batches of different sizes.
SETTINGS = Settings(device="cpu", precision="fp32", torch_threads=2)

# Largest difference per component between two computations of the same vector.
NEAR = 1e-5


def small_clip(architecture: tuple) -> Callable[[Path], Encoder]:
    def build(folder: Path) -> Encoder:
        model = clip_weights.random_clip(architecture)
        weights = clip_weights.save_state_dict(model, folder / "weights.pt")
        return clip_weights.encoder_of(weights, SETTINGS)

    return build


def converted_clip(architecture: tuple) -> Callable[[Path], Encoder]:
    def build(folder: Path) -> Encoder:
        model = clip_weights.random_clip(architecture)
        weights = clip_weights.save_state_dict(model, folder / "weights.pt")
        settings = SETTINGS.model_copy(update={"backend": "openvino", "cache_dir": folder})
        towers = load_clip("small", weights)
        compute = Compute.choose(settings, bulk=True)
        return TwoTowerEncoder(towers, choose_backend(towers, compute, settings, bulk=True))

    return build


def starter(_: Path) -> Encoder:
    return load_encoder(SETTINGS.model_copy(update={"model": "starter"}))


def small_open_clip(causal: bool) -> Callable[[Path], Encoder]:
    def build(folder: Path) -> Encoder:
        name = open_clip_models.save(folder, open_clip_models.small(causal))
        return load_encoder(SETTINGS.model_copy(update={"model": name}))

    return build


BUILDERS: dict[str, Callable[[Path], Encoder]] = {
    "hashing": lambda _: HashingEncoder(),
    "starter": starter,
    "clip-vit": small_clip(clip_weights.SMALL),
    "clip-resnet": small_clip(clip_weights.SMALL_RESNET),
    "open-clip": small_open_clip(causal=True),
    "open-clip-without-mask": small_open_clip(causal=False),
    "clip-vit-openvino": converted_clip(clip_weights.SMALL),
    "clip-resnet-openvino": converted_clip(clip_weights.SMALL_RESNET),
}


@pytest.fixture(scope="module", params=BUILDERS)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return BUILDERS[request.param](tmp_path_factory.mktemp("encoder"))


def prepared(encoder: Encoder, count: int = 3) -> list[np.ndarray]:
    return [encoder.preprocess(pictures.scene(seed, (90, 70))) for seed in range(count)]


def test_its_preprocessing_is_pickled_without_its_model(encoder: Encoder) -> None:
    pickled = pickle.dumps(Preprocessing.of(encoder))
    # The hashing encoder itself takes 90 kB, and every other one more.
    assert len(pickled) < 100_000
    picture = pictures.scene(0, (90, 70))
    copy = pickle.loads(pickled)
    assert copy.draft_side == encoder.draft_side
    assert np.array_equal(copy.preprocess(picture), encoder.preprocess(picture))


def test_it_says_what_it_is(encoder: Encoder) -> None:
    assert encoder.name
    assert encoder.revision
    assert encoder.dim > 1


def test_images_become_unit_rows(encoder: Encoder) -> None:
    vectors = encoder.encode_images(prepared(encoder))
    assert (vectors.shape, vectors.dtype) == ((3, encoder.dim), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=NEAR)


def test_texts_become_unit_rows(encoder: Encoder) -> None:
    vectors = encoder.encode_texts(["a white dog", "a photo of two red cars"])
    assert (vectors.shape, vectors.dtype) == ((2, encoder.dim), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=NEAR)


def test_nothing_becomes_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_images([]).shape == (0, encoder.dim)
    assert encoder.encode_texts([]).shape == (0, encoder.dim)


def test_the_same_input_gives_the_same_vector(encoder: Encoder) -> None:
    images, texts = prepared(encoder), ["a white dog"]
    assert np.array_equal(encoder.encode_images(images), encoder.encode_images(images))
    assert np.array_equal(encoder.encode_texts(texts), encoder.encode_texts(texts))


def test_an_image_is_embedded_alike_in_any_batch(encoder: Encoder) -> None:
    images = prepared(encoder, 5)
    together = encoder.encode_images(images)
    for row, image in zip(together, images, strict=True):
        assert encoder.encode_images([image])[0] == pytest.approx(row, abs=NEAR)


def test_a_text_is_embedded_alike_in_any_batch(encoder: Encoder) -> None:
    texts = ["dog", "a long sentence about a brown dog that sits in the green grass", "", "a dog"]
    together = encoder.encode_texts(texts)
    for row, text in zip(together, texts, strict=True):
        assert encoder.encode_texts([text])[0] == pytest.approx(row, abs=NEAR)


def test_different_inputs_are_apart(encoder: Encoder) -> None:
    images = encoder.encode_images(prepared(encoder, 2))
    texts = encoder.encode_texts(["a white dog", "an aeroplane over the blue sea"])
    assert images[0] @ images[1] < 0.999
    assert texts[0] @ texts[1] < 0.999


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3, 5000), (64, 64), (2000, 1500)])
def test_pictures_of_any_shape_are_embedded(encoder: Encoder, size: tuple[int, int]) -> None:
    pixels = encoder.preprocess(Image.new("RGB", size, "red"))
    assert pixels.dtype == np.uint8
    assert pixels.shape == encoder.preprocess(Image.new("RGB", (50, 50))).shape
    assert encoder.encode_images([pixels]).shape == (1, encoder.dim)


def test_pictures_are_prepared_by_many_threads_at_once(encoder: Encoder) -> None:
    scenes = [pictures.scene(seed, (300, 200)) for seed in range(32)]
    alone = [encoder.preprocess(scene) for scene in scenes]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(encoder.preprocess, scenes))
    assert all(np.array_equal(a, b) for a, b in zip(alone, at_once, strict=True))


def test_a_text_longer_than_the_model_reads_is_cut(encoder: Encoder) -> None:
    assert encoder.encode_texts(["a very " + "long " * 2000 + "story"]).shape == (1, encoder.dim)


@pytest.mark.parametrize("text", ["", " ", "🐕 chien éléphant 犬", "\x00\n\t"])
def test_odd_texts_are_embedded(encoder: Encoder, text: str) -> None:
    assert np.linalg.norm(encoder.encode_texts([text])) == pytest.approx(1, abs=NEAR)


def test_what_the_model_cannot_take_is_an_encoder_error(encoder: Encoder) -> None:
    square, odd = encoder.preprocess(Image.new("RGB", (50, 50))), np.zeros((7, 9, 3), np.uint8)
    with pytest.raises(EncoderError):
        encoder.encode_images([square, odd])
