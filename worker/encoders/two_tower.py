"""The encoder made of a model's towers and the backend that runs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.errors import EncoderError
from worker.encoders.backends.base import Backend
from worker.encoders.towers import ModelFacts
from worker.encoders.vectors import no_rows, unit_rows


class TwoTowerEncoder:
    """A model of two towers; see ``worker.encoders.base.Encoder``.

    Args:
        model: What is known of the model.
        backend: Runs its towers.
    """

    def __init__(self, model: ModelFacts, backend: Backend) -> None:
        self.name = model.name
        self.revision = model.revision
        self.former_revisions = model.former_revisions
        self.dim = model.dim
        self.draft_side = model.draft_side
        # An attribute: a bound method would be pickled with the towers.
        self.preprocess = model.preprocess
        self.device = backend.device
        self.concurrency = backend.concurrency
        self.precision = backend.precision
        self.runs_on = backend.runs_on
        # Without the towers: OpenVINO has its own form of them.
        self.model = model.without_towers()
        self.backend = backend

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed preprocessed pictures: float32 [len(images), dim], unit rows."""
        if not images:
            return no_rows(self.dim)
        return unit_rows(self.backend.embed_images(_stacked(images)))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences: float32 [len(texts), dim], unit rows.

        Texts with more tokens than the model's context are truncated.
        """
        if not texts:
            return no_rows(self.dim)
        return unit_rows(self.backend.embed_texts(self.model.tokenize(list(texts))))


def _stacked(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    try:
        return np.stack(images)
    except ValueError as error:
        raise EncoderError(f"The pictures do not form a batch: {error}") from error
