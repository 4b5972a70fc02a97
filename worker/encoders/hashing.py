"""An encoder for tests, without a model or a download, but with some meaning.

A picture's vector represents its colours and its layout of light and dark; a text's
vector represents the colours it names. So "red" finds red pictures, a picture is its
own nearest neighbour, and encoding takes less than a millisecond.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import EncoderError
from worker.encoders.vectors import no_rows, unit_rows

# Colours that texts may name, with their sRGB values.
_COLOURS = {
    "red": (220, 30, 30),
    "orange": (240, 140, 30),
    "yellow": (240, 230, 50),
    "green": (40, 160, 60),
    "cyan": (50, 210, 220),
    "blue": (40, 70, 210),
    "purple": (130, 50, 170),
    "pink": (245, 150, 190),
    "brown": (120, 75, 40),
    "black": (15, 15, 15),
    "gray": (128, 128, 128),
    "white": (245, 245, 245),
}
_SYNONYMS = {"grey": "gray", "violet": "purple", "turquoise": "cyan", "dark": "black"}
_PALETTE = np.array(list(_COLOURS.values()), dtype=np.float32)

# Distance in sRGB at which a pixel counts much less as a colour.
_COLOUR_WIDTH = 60.0

# Side of the grid that pictures are shrunk to, in pixels.
_GRID = 8

# Maximum length of the layout's part of a vector; the colours' part has length 1. Enough to
# distinguish photos of the same colours, and too little to hide the colours from a text.
_LAYOUT_WEIGHT = 0.8

# Words without information about a picture.
_EMPTY_WORDS = frozenset({"a", "an", "the", "of", "in", "on", "and", "photo", "picture", "image"})


class HashingEncoder:
    """A deterministic encoder of colours and hashes; see ``worker.encoders.base.Encoder``.

    Args:
        dim: Length of a vector; must be greater than the number of colours.
    """

    name = "hashing"
    revision = "1"
    former_revisions: tuple[str, ...] = ()
    device = "cpu"
    runs_on = "numpy"
    draft_side: int | None = _GRID * 8
    concurrency = 1
    precision = "fp32"

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim
        # RandomState's stream is frozen, so vectors are the same in every version of NumPy.
        self._projection = np.random.RandomState(0).standard_normal(
            (_GRID * _GRID * 3, dim - len(_COLOURS))
        )

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Shrink one picture to a small grid: uint8 [8, 8, 3]."""
        return np.asarray(image.resize((_GRID, _GRID), Image.Resampling.BOX))

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed preprocessed pictures: float32 [len(images), dim], unit rows."""
        if not images:
            return no_rows(self.dim)
        if any(image.shape != (_GRID, _GRID, 3) for image in images):
            raise EncoderError(f"A preprocessed picture must be [{_GRID}, {_GRID}, 3].")
        return unit_rows(np.stack([self._image(image.astype(np.float32)) for image in images]))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences: float32 [len(texts), dim], unit rows."""
        if not texts:
            return no_rows(self.dim)
        return unit_rows(np.stack([self._text(text) for text in texts]))

    def _image(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Embed float32 [8, 8, 3], 0 to 255."""
        apart = np.linalg.norm(pixels.reshape(-1, 1, 3) - _PALETTE, axis=2)  # [64, colours]
        nearness = np.exp(-np.square(apart / _COLOUR_WIDTH)) + 1e-9
        colours = (nearness / nearness.sum(axis=1, keepdims=True)).mean(axis=0)
        contrast = (pixels - pixels.mean(axis=(0, 1))).ravel() / 255
        layout = contrast @ self._projection / _GRID
        bounded = layout / max(1.0, float(np.linalg.norm(layout)))
        return np.concatenate([_unit(colours), _LAYOUT_WEIGHT * bounded])

    def _text(self, text: str) -> NDArray[np.float64]:
        words = re.findall(r"\w+", text.lower())
        telling = [word for word in words if word not in _EMPTY_WORDS] or [text]
        total: NDArray[np.float64] = np.add.reduce([self._word(word) for word in telling])
        return total

    def _word(self, word: str) -> NDArray[np.float64]:
        """Embed a word: a colour as its own axis, any other as a pseudo-random direction."""
        vector = np.zeros(self.dim)
        colour = _SYNONYMS.get(word, word)
        if colour in _COLOURS:
            vector[list(_COLOURS).index(colour)] = 1
            return vector
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
        direction = np.random.RandomState(seed).standard_normal(self.dim - len(_COLOURS))
        vector[len(_COLOURS) :] = _LAYOUT_WEIGHT * _unit(direction)
        return vector


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)
