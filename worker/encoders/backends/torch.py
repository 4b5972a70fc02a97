"""Runs a model's towers with torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from worker.encoders.compute import Compute
from worker.encoders.towers import Towers


class TorchBackend:
    """Torch in the chosen precision; see ``worker.encoders.backends.base.Backend``.

    Args:
        towers: The loaded model; its modules are moved to the device.
        compute: The device and precision.
    """

    name = "torch"

    def __init__(self, towers: Towers, compute: Compute) -> None:
        self.concurrency = compute.concurrency
        self._compute = compute
        self._images = compute.place(towers.images)
        self._texts = compute.place(towers.texts)

    def embed_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the image tower: uint8 [n, height, width, 3] -> float32 [n, dim]."""
        return self._run(self._images, torch.from_numpy(pixels))

    def embed_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Run the text tower: int64 [n, length] -> float32 [n, dim]."""
        return self._run(self._texts, torch.from_numpy(tokens))

    def _run(self, tower: nn.Module, inputs: torch.Tensor) -> NDArray[np.float32]:
        with self._compute.inference():
            features: torch.Tensor = tower(inputs.to(self._compute.device))
            return np.asarray(features.float().cpu().numpy())
