"""Pictures in queries: read from the blob store, decoded and preprocessed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.errors import BlobsUnavailable, NotFound
from worker.decoding.decode import decode
from worker.decoding_time import DecodingTime
from worker.encoders.base import Encoder
from worker.encoders.preparing import preparing


class QueryPictures:
    """Reads uploaded pictures for the model; thread-safe.

    Args:
        blobs: The store in which the API puts the pictures of queries.
        encoder: Provides ``preprocess``.
        pixels_max: Maximum pixels of a picture.
        decoding_time: Measures how long each picture takes.
    """

    def __init__(
        self,
        blobs: BlobStore,
        encoder: Encoder,
        pixels_max: int,
        decoding_time: DecodingTime | None = None,
    ) -> None:
        self._blobs = blobs
        self._encoder = encoder
        self._pixels_max = pixels_max
        self._decoding_time = decoding_time or DecodingTime()

    def read(self, tenant: str, picture_id: str) -> NDArray[np.uint8]:
        """Return a preprocessed picture: uint8 [height, width, 3].

        Raises:
            ImageError: The bytes are not a usable picture.
            EncoderError: Decoding or preprocessing failed unexpectedly.
            BlobsUnavailable: The bytes cannot be read now.
        """
        with preparing(picture_id), self._decoding_time.measured(picture_id):
            data = self._bytes(tenant, picture_id)
            decoded = decode(data, self._pixels_max, self._encoder.draft_side)
            return self._encoder.preprocess(decoded.image)

    def _bytes(self, tenant: str, picture_id: str) -> bytes:
        try:
            return self._blobs.read(tenant, picture_id)
        except NotFound as error:
            # The API stored the bytes before it sent the task, so this worker's store differs.
            raise BlobsUnavailable(
                "The picture of the query is not in this worker's blob store; "
                "give the API and all workers the same GLIMPSE_BLOBS_DIR or GLIMPSE_BLOBS_URL."
            ) from error
