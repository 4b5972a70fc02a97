"""Input vectors: embeds the inputs of a request, and looks up those of indexed images."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from common.contract import Input
from common.errors import GlimpseError, NotFound, ServiceError
from worker.search.embedder import Embedder
from worker.search.pictures import QueryPictures
from worker.stores.base import VectorStore

Vector = NDArray[np.float32]


class InputVectors:
    """Finds the unit vector of each input of a request.

    Args:
        embedder: Embeds texts and pictures.
        pictures: Reads the uploaded pictures.
        store: Provides the vectors of indexed images.
    """

    def __init__(self, embedder: Embedder, pictures: QueryPictures, store: VectorStore) -> None:
        self._embedder = embedder
        self._pictures = pictures
        self._store = store

    def begin(self, tenant: str, inputs: Sequence[Input]) -> list[Future[Vector]]:
        """Start embedding inputs; return a future for each, for ``finish``.

        Raises:
            ServiceError: A part of the service is unavailable.
        """
        # The model's work first, so that it overlaps with the lookup in the store.
        texts = self._embedder.begin_texts([each.text for each in inputs if each.text is not None])
        uploaded = {each.picture for each in inputs if each.picture is not None}
        pictures = {picture: self._begin_picture(tenant, picture) for picture in uploaded}
        images = self._look_up([each.image_id for each in inputs if each.image_id], tenant)

        def begun(each: Input) -> Future[Vector]:
            if each.image_id is not None:
                return images[each.image_id]
            return texts[each.text or ""] if each.picture is None else pictures[each.picture]

        return [begun(each) for each in inputs]

    def finish(self, begun: Future[Vector]) -> Vector:
        """Wait for a vector and return it: float32 [dim], of unit length.

        Raises:
            NotFound: The input names an image that is not indexed.
            ImageError: The input is not a usable picture.
            EncoderError: The model failed on the input.
        """
        return self._embedder.finish(begun)

    def _begin_picture(self, tenant: str, picture: str) -> Future[Vector]:
        try:
            return self._embedder.begin_picture(self._pictures.read(tenant, picture))
        except ServiceError:
            raise
        except GlimpseError as error:
            return _failed(error)

    def _look_up(self, ids: Sequence[str], tenant: str) -> dict[str, Future[Vector]]:
        stored = self._store.vectors(tenant, ids) if ids else {}
        return {
            image_id: _done(stored[image_id])
            if image_id in stored
            else _failed(NotFound(f"There is no indexed image {image_id}."))
            for image_id in ids
        }


def _done(vector: Vector) -> Future[Vector]:
    future: Future[Vector] = Future()
    future.set_result(vector)
    return future


def _failed(error: GlimpseError) -> Future[Vector]:
    future: Future[Vector] = Future()
    future.set_exception(error)
    return future
