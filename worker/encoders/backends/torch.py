"""Runs a model's towers with torch."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from common.errors import DeviceFull, DeviceLost, SetupError
from worker.encoders.compute import Compute
from worker.encoders.towers import Towers

log = logging.getLogger(__name__)


class TorchBackend:
    """Torch in the chosen precision; see ``worker.encoders.backends.base.Backend``.

    A batch for which the device has too little memory is halved, again and again if necessary.
    If the device fails, the process stops as if by SIGTERM, because every later batch would fail.

    Args:
        towers: The loaded model; its modules are moved to the device.
        compute: The device and precision.
        compiled: Whether to compile the modules with ``torch.compile``.

    Raises:
        SetupError: The modules cannot be compiled.
    """

    name = "torch"

    def __init__(self, towers: Towers, compute: Compute, *, compiled: bool = False) -> None:
        self.concurrency = compute.concurrency
        self.precision = compute.precision
        self.device = compute.device.type
        self.runs_on = f"{'compiled, ' if compiled else ''}{compute.runs_on}"
        self._compute = compute
        # Pixels arrive with the channels last, and convolutions are faster if weights have it too.
        images = compute.place(towers.images).to(memory_format=torch.channels_last)
        texts = compute.place(towers.texts)
        self._images = _compiled(images) if compiled else images
        self._texts = _compiled(texts) if compiled else texts
        if compiled:
            self._check(towers)

    def embed_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the image tower: uint8 [n, height, width, 3] -> float32 [n, dim]."""
        return self._embed(self._images, torch.from_numpy(pixels))

    def embed_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Run the text tower: int64 [n, length] -> float32 [n, dim]."""
        return self._embed(self._texts, torch.from_numpy(tokens))

    def _embed(
        self, tower: Callable[..., torch.Tensor], inputs: torch.Tensor
    ) -> NDArray[np.float32]:
        try:
            return self._run(tower, inputs)
        except DeviceFull as error:
            if len(inputs) == 1:
                raise
            log.warning("encoder.batch_halved inputs=%d %s", len(inputs), error)
        except DeviceLost:
            _stop_process()
            raise
        # Outside of the handler, since the error keeps the batch's tensors alive.
        torch.cuda.empty_cache()
        half = (len(inputs) + 1) // 2
        return np.concatenate([self._embed(tower, part) for part in (inputs[:half], inputs[half:])])

    def _run(self, tower: Callable[..., torch.Tensor], inputs: torch.Tensor) -> NDArray[np.float32]:
        with self._compute.inference():
            features = tower(self._on_device(inputs))
            return np.asarray(features.float().cpu().numpy())

    def _on_device(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._compute.device.type != "cuda":
            return inputs.to(self._compute.device)
        # From pinned memory the copy is direct, and this thread queues the model meanwhile.
        return inputs.pin_memory().to(self._compute.device, non_blocking=True)

    def _check(self, towers: Towers) -> None:
        """Compile the image tower now, so that a missing compiler prevents the start."""
        try:
            self.embed_images(np.zeros((2, *towers.image_size, 3), np.uint8))
        except Exception as error:
            # torch raises errors of many classes, and the compiler's own.
            raise SetupError(
                f"GLIMPSE_COMPILE=true, but torch could not compile the model: {error} "
                "Install a C++ compiler (Debian: apt-get install g++), or unset GLIMPSE_COMPILE."
            ) from error


def _stop_process() -> None:
    """Give the tasks back and exit, so that the supervisor starts a process that can work."""
    log.critical("encoder.device_lost The worker stops; its supervisor starts another one.")
    os.kill(os.getpid(), signal.SIGTERM)


def _compiled(module: nn.Module) -> Callable[..., torch.Tensor]:
    # Batches and texts vary in length, and a fixed form would be compiled again for each.
    compiled: Callable[..., torch.Tensor] = torch.compile(module, dynamic=True)
    return compiled
