"""Warming up a search worker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import EncoderError
from worker.encoders.hashing import HashingEncoder
from worker.search.warm_up import warm_up
from worker.stores.memory import MemoryCollection, MemoryStore


class CountingEncoder(HashingEncoder):
    """Records the length of each text in words, and the number of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[int] = []
        self.pictures = 0

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.words += [len(text.split()) for text in texts]
        return super().encode_texts(texts)

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.pictures += len(images)
        return super().encode_images(images)


class BrokenEncoder(HashingEncoder):
    """Fails on every text."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise EncoderError(f"broken on {texts}")


def test_every_usual_length_and_a_picture_are_tried() -> None:
    encoder = CountingEncoder()
    warm_up(encoder, MemoryStore())
    assert encoder.words == list(range(1, 17))
    assert encoder.pictures == 1


def test_a_store_that_is_away_is_no_reason_not_to_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warm_up(HashingEncoder(), MemoryStore(collection=MemoryCollection(away=True)))
    assert "search.cold" in caplog.text


def test_a_model_that_cannot_run_is() -> None:
    with pytest.raises(EncoderError, match="broken"):
        warm_up(BrokenEncoder(), MemoryStore())
