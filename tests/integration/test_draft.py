"""JPEGs decoded at reduced size: faster, with nearly the same vectors."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.settings import Settings
from tests.support import clip_weights
from tests.support.pictures import jpeg, turned
from worker.decoding.decode import decode
from worker.encoders.base import Encoder
from worker.encoders.hashing import HashingEncoder

# Minimum cosine between the vectors of the draft and of the full-size picture.
COSINE_MIN = 0.995

# Enlarges the test photographs to the size of a camera's.
ENLARGED = 6

PIXELS_MAX = 100_000_000


def clip(architecture: tuple) -> Callable[[Path], Encoder]:
    def build(folder: Path) -> Encoder:
        weights = clip_weights.save_state_dict(
            clip_weights.random_clip(architecture), folder / "weights.pt"
        )
        return clip_weights.encoder_of(weights, Settings(precision="fp32"))

    return build


ENCODERS: dict[str, Callable[[Path], Encoder]] = {
    "hashing": lambda _: HashingEncoder(),
    "clip-small": clip(clip_weights.SMALL),
    "clip": clip(clip_weights.NARROW_B_32),
}


def enlarged(path: Path) -> bytes:
    """Return the photograph as a JPEG of a camera's size."""
    with Image.open(path) as small:
        size = (small.width * ENLARGED, small.height * ENLARGED)
        large = small.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(scope="module")
def large(photos: Path) -> list[bytes]:
    return [enlarged(path) for path in sorted(photos.glob("*/*.jpg"))[::50]]


@pytest.mark.parametrize("name", ENCODERS)
def test_the_vector_stays_where_it_was(name: str, large: list[bytes], tmp_path: Path) -> None:
    encoder = ENCODERS[name](tmp_path)
    assert encoder.draft_side is not None
    smaller, cosines = 0, []
    for data in large:
        whole = decode(data, PIXELS_MAX)
        draft = decode(data, PIXELS_MAX, encoder.draft_side)
        smaller += draft.image.width < whole.image.width
        assert (draft.width, draft.height) == (whole.width, whole.height)
        vectors = [
            encoder.encode_images([encoder.preprocess(found.image)])[0] for found in (whole, draft)
        ]
        cosines.append(float(np.dot(*vectors)))
    assert smaller > len(cosines) / 2
    assert min(cosines) >= COSINE_MIN


def test_a_draft_tells_the_size_of_the_file_and_not_its_own() -> None:
    found = decode(jpeg(size=(640, 480)), PIXELS_MAX, 60)
    assert (found.width, found.height) == (640, 480)
    assert found.image.size == (80, 60)


def test_a_draft_of_a_turned_picture_is_upright() -> None:
    found = decode(turned("JPEG"), PIXELS_MAX, 8)
    assert (found.width, found.height) == (20, 40)
    assert found.image.height > found.image.width


def test_what_is_no_jpeg_is_unfolded_whole() -> None:
    found = decode(turned("PNG"), PIXELS_MAX, 8)
    assert found.image.size == (found.width, found.height)
