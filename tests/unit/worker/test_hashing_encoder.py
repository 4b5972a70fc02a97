"""The hashing encoder: the properties that other tests rely on in searches."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.support import pictures
from worker.encoders.hashing import HashingEncoder

COLOURS = ["red", "green", "blue", "white", "black", "yellow", "orange", "brown", "gray", "pink"]


def embed(*images: Image.Image) -> np.ndarray:
    encoder = HashingEncoder()
    return encoder.encode_images([encoder.preprocess(image) for image in images])


def test_a_colour_word_finds_its_colour_first() -> None:
    plain = embed(*(Image.new("RGB", (32, 32), colour) for colour in COLOURS))
    texts = HashingEncoder().encode_texts([f"a photo of a {colour} thing" for colour in COLOURS])
    assert list((texts @ plain.T).argmax(axis=1)) == list(range(len(COLOURS)))


def test_a_colour_word_finds_a_picture_with_that_colour_in_it() -> None:
    halves = [Image.new("RGB", (40, 20), colour) for colour in ("blue", "yellow", "white")]
    for half in halves:
        half.paste("black", (20, 0, 40, 20))
    scores = HashingEncoder().encode_texts(["yellow"])[0] @ embed(*halves).T
    assert scores.argmax() == 1


def test_different_scenes_are_clearly_apart() -> None:
    vectors = embed(*(pictures.scene(seed) for seed in range(50)))
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)
    assert scores.max() < 0.95


def test_a_scene_saved_again_and_smaller_stays_near() -> None:
    scene = pictures.scene(1, (400, 300))
    again = Image.open(io.BytesIO(pictures.encoded(scene, "JPEG", quality=50))).resize((200, 150))
    first, second = embed(scene, again)
    assert first @ second > 0.99


def test_the_vectors_are_the_same_under_every_version() -> None:
    # Red, blue and the last components of the projection, unchanged since the first version.
    vector = embed(pictures.red_left_blue_right())[0]
    expected = [0.55140, 0.55289, -0.05225, -0.02552, -0.08109]
    assert vector[[0, 5, -3, -2, -1]] == pytest.approx(expected, abs=1e-4)


def test_other_words_differ_and_case_does_not() -> None:
    dog, cat, shouted = HashingEncoder().encode_texts(["a dog", "a cat", "A DOG"])
    assert dog @ cat < 0.5
    assert np.array_equal(dog, shouted)


@pytest.mark.parametrize("text", ["", "a photo of the", "!?"])
def test_a_text_that_says_nothing_has_a_vector(text: str) -> None:
    vector = HashingEncoder().encode_texts([text])[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
