"""Thumbnails of ingested images: made from the pixels that were decoded for the model."""

from __future__ import annotations

import logging

from common.blobs.base import BlobStore
from common.errors import BlobsUnavailable
from common.images.thumbnails import pack
from worker.decoding.decode import Decoded
from worker.thumbnails.rendering import render

log = logging.getLogger(__name__)


class IngestedThumbnails:
    """Stores thumbnails beside the originals; thread-safe.

    Args:
        blobs: The blob store of the originals.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def keep(self, tenant: str, image_id: str, decoded: Decoded) -> None:
        """Render and store an image's thumbnails.

        Never raises: an image without thumbnails is still searchable, and they are made on
        demand later.
        """
        try:
            for name, data in pack(render(decoded)).items():
                self._blobs.put_rendition(tenant, image_id, name, data)
        except BlobsUnavailable as error:
            log.warning("thumbnails.not_stored id=%s %s", image_id, error)
        except Exception:
            log.exception("thumbnails.not_rendered id=%s", image_id)
