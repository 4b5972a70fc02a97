"""The interface of backends."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Backend(Protocol):
    """Runs a model's towers (``worker.encoders.towers.Towers``).

    At most ``concurrency`` threads call the two methods at once.
    """

    # As in the settings, for example "torch".
    name: str
    # As in ``worker.encoders.base.Encoder``.
    device: str
    # Type of the matrix products: "fp32", "bf16" or "fp16".
    precision: str
    # As in ``worker.encoders.base.Encoder``.
    runs_on: str
    # Optimal number of concurrent batches.
    concurrency: int

    def embed_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the image tower.

        Args:
            pixels: [n, height, width, 3], n at least 1.

        Returns:
            [n, dim], not normalised.

        Raises:
            DeviceUnavailable: The device has too little free memory, or failed.
            EncoderError: The model failed on this input.
        """
        ...

    def embed_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Run the text tower.

        Args:
            tokens: [n, length], n at least 1.

        Returns:
            [n, dim], not normalised.

        Raises:
            DeviceUnavailable: The device has too little free memory, or failed.
            EncoderError: The model failed on this input.
        """
        ...
