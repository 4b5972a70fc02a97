"""Computes the vectors of a backup's images again, from their originals."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from common.blobs.base import BlobStore
from common.errors import EncoderError, ImageError, NotFound
from common.pages import pages
from worker.backup.threads import run_each
from worker.decoding.decode import decode
from worker.encoders.base import Encoder
from worker.encoders.preparing import preparing
from worker.pixel_budget import PixelBudget
from worker.stores.base import Row
from worker.stores.identity import Identity
from worker.stores.registry import collection_name

log = logging.getLogger(__name__)

# Pictures in a batch of the model.
_BATCH = 32


class Rebuild:
    """Embeds the originals of rows, which keep everything else.

    Args:
        encoder: The model.
        blobs: Holds the originals.
        pixels_max: Maximum pixels of a picture.
    """

    def __init__(self, encoder: Encoder, blobs: BlobStore, pixels_max: int) -> None:
        self.identity = Identity.of(encoder)
        self.name = collection_name(encoder.name)
        # Images without a vector: their bytes are missing, or the model fails on them.
        self.failed = 0
        self._encoder = encoder
        self._blobs = blobs
        self._pixels_max = pixels_max
        self._budget = PixelBudget()

    def run(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows with new vectors, without those that cannot be embedded."""
        return [row for batch in pages(rows, _BATCH) for row in self._batch(batch)]

    def _batch(self, rows: Sequence[Row]) -> list[Row]:
        found = zip(rows, run_each(self._prepare, rows), strict=True)
        prepared = [(row, pixels) for row, pixels in found if pixels is not None]
        self.failed += len(rows) - len(prepared)
        if not prepared:
            return []
        vectors = self._encoder.encode_images([pixels for _, pixels in prepared])
        return [
            replace(row, vector=vector) for (row, _), vector in zip(prepared, vectors, strict=True)
        ]

    def _prepare(self, row: Row) -> NDArray[np.uint8] | None:
        try:
            with preparing(row.record.id), self._budget.room() as room:
                data = self._blobs.read(row.tenant, row.record.id)
                decoded = decode(data, self._pixels_max, self._encoder.draft_side, room.take)
                return self._encoder.preprocess(decoded.image)
        except (EncoderError, ImageError, NotFound) as error:
            log.warning("restore.not_embedded id=%s %s", row.record.id, error)
            return None
