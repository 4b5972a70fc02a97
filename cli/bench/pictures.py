"""Pictures and texts for a load test: generated, and all different."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, product

from PIL import Image

# Pixels of a picture, and of the random one that it is enlarged from: about 26 KB as a JPEG, with
# as many edges as a photograph out of focus.
_SIZE, _SEED_SIZE = (640, 480), (12, 9)
_QUALITY = 85

_COLOURS = ("white", "black", "red", "blue", "green", "yellow", "old", "small")
_THINGS = (
    *("dog", "cat", "horse", "bird", "car", "bicycle", "boat", "house", "tree", "flower"),
    *("person", "child", "table", "cake", "mountain", "bridge"),
)
_PLACES = ("on a beach", "in the snow", "at night", "in a city", "in a field", "indoors")


@dataclass(frozen=True, slots=True)
class GeneratedPicture:
    """A picture to upload: its file name, its image's id, and a JPEG."""

    filename: str
    id: str
    data: bytes


def generate_pictures(tag: str) -> Iterator[GeneratedPicture]:
    """Generate pictures without end; no two are alike, in this run or in another."""
    source = random.SystemRandom()
    width, height = _SEED_SIZE
    for number in count(1):
        seed = Image.frombytes("RGB", _SEED_SIZE, source.randbytes(width * height * 3))
        file = io.BytesIO()
        seed.resize(_SIZE, Image.Resampling.BICUBIC).save(file, "JPEG", quality=_QUALITY)
        data = file.getvalue()
        yield GeneratedPicture(f"{tag}/{number}.jpg", hashlib.sha256(data).hexdigest(), data)


def generate_texts() -> Iterator[str]:
    """Generate texts to search for, without end; the same comes again only after hundreds.

    Workers cache the embeddings of texts, so that few texts would measure the cache.
    """
    texts = [f"a {' '.join(words)}" for words in product(_COLOURS, _THINGS, _PLACES)]
    while True:
        random.shuffle(texts)
        yield from texts
