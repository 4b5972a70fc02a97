"""Pictures in queries: read from where the API has put them, decoded, and prepared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.errors import BlobsUnavailable, NotFound
from common.images.decode import decode
from worker.encoders.base import Encoder
from worker.encoders.preparing import preparing


class QueryPictures:
    """Reads uploaded pictures for the model; used by several threads at once.

    Args:
        blobs: Where the API puts the pictures of queries.
        encoder: Its ``preprocess`` is called.
        pixels_max: Pixels of one picture, at most.
    """

    def __init__(self, blobs: BlobStore, encoder: Encoder, pixels_max: int) -> None:
        self._blobs = blobs
        self._encoder = encoder
        self._pixels_max = pixels_max

    def read(self, tenant: str, picture_id: str) -> NDArray[np.uint8]:
        """Return a picture as the model reads it: uint8 [height, width, 3].

        Raises:
            ImageError: The bytes are no picture that can be used.
            EncoderError: It cannot be prepared, for a reason that nobody foresaw.
            BlobsUnavailable: The bytes cannot be read now.
        """
        with preparing(picture_id):
            data = self._bytes(tenant, picture_id)
            decoded = decode(data, self._pixels_max, self._encoder.draft_side)
            return self._encoder.preprocess(decoded.image)

    def _bytes(self, tenant: str, picture_id: str) -> bytes:
        try:
            return self._blobs.read(tenant, picture_id)
        except NotFound as error:
            # The API stored the bytes before it sent the task: this worker looks elsewhere.
            raise BlobsUnavailable(
                "The picture of the query is not in this worker's blob store; "
                "give the API and all workers the same GLIMPSE_BLOBS_DIR."
            ) from error
