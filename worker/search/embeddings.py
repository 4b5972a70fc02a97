"""Embeddings: returns the vectors of inputs to the caller."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from common.contract import EmbeddingsRequest, EmbeddingsResult, InputFailure
from common.errors import GlimpseError, ServiceError
from worker.encoders.base import Encoder
from worker.search.input_vectors import InputVectors

Vector = NDArray[np.float32]


class Embeddings:
    """Runs ``embeddings.run``.

    Texts and pictures share the model's batches with searches, and texts are wrapped in the same
    template, so the dot product of two embeddings is the score that a search would report.

    Args:
        encoder: The model, named in the result.
        inputs: Embeds the inputs.
    """

    def __init__(self, encoder: Encoder, inputs: InputVectors) -> None:
        self._encoder = encoder
        self._inputs = inputs

    def run(self, request: EmbeddingsRequest) -> EmbeddingsResult:
        """Embed every input; if one fails, return which ones failed and no embeddings.

        Raises:
            ServiceError: A part of the service is unavailable.
        """
        began = time.perf_counter()
        vectors, failures = self._finish(self._inputs.begin(request.tenant, request.inputs))
        return EmbeddingsResult(
            embeddings=[] if failures else [_encoded(vector) for vector in vectors],
            model=self._encoder.name,
            revision=self._encoder.revision,
            dimension=self._encoder.dim,
            took_ms=round((time.perf_counter() - began) * 1000, 3),
            failures=failures,
        )

    def _finish(self, begun: Sequence[Future[Vector]]) -> tuple[list[Vector], list[InputFailure]]:
        vectors, failures = [], []
        for index, each in enumerate(begun):
            try:
                vectors.append(self._inputs.finish(each))
            except ServiceError:
                raise
            except GlimpseError as error:
                failures.append(InputFailure(index=index, code=error.code, detail=str(error)))
        return vectors, failures


def _encoded(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
