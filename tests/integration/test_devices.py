"""A device without memory gets smaller batches, and one that failed ends the process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from common.errors import DeviceFull, DeviceLost
from tests.support import clip_weights
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.clip.loading import load_clip
from worker.encoders.compute import Compute
from worker.encoders.towers import Towers

COMPUTE = Compute(torch.device("cpu"), torch.float32)


class Small(nn.Module):
    """A device with memory for batches of a given size, which records those that it is given."""

    def __init__(self, tower: nn.Module, room: int) -> None:
        super().__init__()
        self.tower = tower
        self.room = room
        self.given: list[int] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.given.append(len(inputs))
        if len(inputs) > self.room:
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has a capacity of 8 GiB."
            )
        return self.tower(inputs)


class Broken(nn.Module):
    """A device that has failed."""

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Towers:
    model = clip_weights.random_clip(clip_weights.SMALL)
    folder = tmp_path_factory.mktemp("weights")
    return load_clip("small", clip_weights.save_state_dict(model, folder / "small.pt"))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 64, 64, 3), np.uint8)


@pytest.fixture
def terminations() -> Iterator[list[int]]:
    """The SIGTERMs that the process receives during the test."""
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    yield received
    signal.signal(signal.SIGTERM, before)


def test_a_batch_that_does_not_fit_is_halved(towers: Towers, pixels: np.ndarray) -> None:
    small = Small(towers.images, 3)
    halved = TorchBackend(replace(towers, images=small), COMPUTE).embed_images(pixels)
    assert small.given == [7, 4, 2, 2, 3]
    whole = TorchBackend(towers, COMPUTE).embed_images(pixels)
    np.testing.assert_allclose(halved, whole, rtol=1e-4, atol=1e-5)


def test_texts_are_halved_too(towers: Towers) -> None:
    tokens = towers.tokenize(["a white dog", "dog", "cat"])
    small = Small(towers.texts, 1)
    halved = TorchBackend(replace(towers, texts=small), COMPUTE).embed_texts(tokens)
    assert small.given == [3, 2, 1, 1, 1]
    whole = TorchBackend(towers, COMPUTE).embed_texts(tokens)
    np.testing.assert_allclose(halved, whole, rtol=1e-4, atol=1e-5)


def test_a_picture_is_not_blamed_for_a_full_device(towers: Towers, pixels: np.ndarray) -> None:
    """Its task is retried, since ``DeviceFull`` is a ``ServiceError``."""
    backend = TorchBackend(replace(towers, images=Small(towers.images, 0)), COMPUTE)
    with pytest.raises(DeviceFull, match=r"CUDA out of memory\. Tried to allocate 2\.00 MiB\.$"):
        backend.embed_images(pixels)


def test_a_failed_device_ends_the_process(
    towers: Towers, pixels: np.ndarray, terminations: list[int]
) -> None:
    backend = TorchBackend(replace(towers, images=Broken()), COMPUTE)
    with pytest.raises(DeviceLost, match="cpu failed: CUDA error"):
        backend.embed_images(pixels)
    assert terminations == [signal.SIGTERM]
