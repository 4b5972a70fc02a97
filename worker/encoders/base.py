"""What every encoder offers, whatever model stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Encoder(Protocol):
    """A model that puts images and texts into one space of unit vectors.

    ``preprocess`` is called by many threads at once; the two ``encode`` methods
    by as many as ``concurrency`` says (the batchers').
    """

    # Name as the settings give it, for example "ViT-B/32".
    name: str
    # What tells these weights from others of the same name (a SHA-256's start, a version).
    revision: str
    # Length of a vector.
    dim: int
    # Batches it does best with at once, each called by a thread of its own.
    concurrency: int
    # Pixels that the short side of a JPEG has to keep where it is unfolded at a fraction of its
    # size, for a vector of a cosine of 0.995 at least to that of the whole; None asks for all.
    draft_side: int | None

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop one picture to what the model reads.

        Args:
            image: A decoded RGB picture, upright.

        Returns:
            uint8 [height, width, 3]; normalising is left to ``encode_images``.
        """
        ...

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed preprocessed pictures.

        Args:
            images: What ``preprocess`` returned, one for each picture.

        Returns:
            float32 [len(images), dim], rows of unit length.

        Raises:
            EncoderError: The model failed on this input.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences.

        Returns:
            float32 [len(texts), dim], rows of unit length.

        Raises:
            EncoderError: The model failed on this input.
        """
        ...
