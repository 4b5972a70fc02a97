"""The interface of encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Preprocessor(Protocol):
    """Makes a model's input of pictures. Many threads call it concurrently."""

    # Minimum pixels of the short side of a JPEG decoded at reduced size, such that the cosine of
    # its vector with that of the full-size picture is at least 0.995; None requires full size, as
    # far as pictures may have so many pixels.
    draft_side: int | None

    def preprocess(self, image: Image.Image, /) -> NDArray[np.uint8]:
        """Resize and crop one picture to the model's input size.

        Args:
            image: A decoded, upright RGB picture.

        Returns:
            uint8 [height, width, 3], not normalised; ``encode_images`` does that.
        """
        ...


class Encoder(Preprocessor, Protocol):
    """A model that embeds images and texts as unit vectors in one space.

    Many threads call ``preprocess`` concurrently, and decoder processes call a pickled copy of it;
    at most ``concurrency`` threads (the batchers') call the two ``encode`` methods.
    """

    # Name as in the settings, for example "ViT-B/32".
    name: str
    # Distinguishes these weights from others of the same name (a SHA-256 prefix, a version).
    revision: str
    # What earlier versions of Glimpse called the same weights.
    former_revisions: tuple[str, ...]
    # Length of a vector.
    dim: int
    # Kind of the device that it runs on, as torch calls it, for example "cpu" or "cuda".
    device: str
    # Type of its matrix products: "fp32", "bf16" or "fp16".
    precision: str
    # Everything else that its speed depends on, besides the processors: device, threads, versions.
    runs_on: str
    # Optimal number of concurrent batches, each encoded by a thread of its own.
    concurrency: int

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed preprocessed pictures.

        Args:
            images: One output of ``preprocess`` for each picture.

        Returns:
            float32 [len(images), dim], rows of unit length.

        Raises:
            DeviceUnavailable: The device has too little free memory, or failed.
            EncoderError: The model failed on this input.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences.

        Returns:
            float32 [len(texts), dim], rows of unit length.

        Raises:
            DeviceUnavailable: The device has too little free memory, or failed.
            EncoderError: The model failed on this input.
        """
        ...
