"""Thumbnails: stored beside the originals by workers, and requested from them if missing."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from api.search_worker import SearchWorker
from common.blobs.base import BlobStore
from common.claims.base import Claims
from common.contract import THUMBNAILS_MAKE, Failure, ThumbnailRequest, ThumbnailResult
from common.dead_letters.base import QUARANTINED, DeadLetters, find_letter
from common.errors import ImageError, InputError, NotFound
from common.images.thumbnails import file_of, size_to_store, unpack

# Seconds to wait for a worker to make a thumbnail: the largest pictures take a few to decode.
_TIMEOUT_S = 8.0


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The thumbnails of one tenant's images. No picture is opened here.

    Args:
        blobs: Where originals and thumbnails are.
        claims: Which images killed processes.
        dead_letters: Which images are quarantined.
        worker: Makes the thumbnails that are not stored.
        tenant: The owner of the images.
    """

    blobs: BlobStore
    claims: Claims
    dead_letters: DeadLetters
    worker: SearchWorker
    tenant: str

    def get(self, image_id: str, size: int) -> bytes:
        """Return an image's thumbnail: a JPEG.

        Args:
            image_id: Which image.
            size: Longest side, in pixels, up to 1024; smaller originals keep their size.

        Raises:
            NotFound: There is no such original, it is not indexed yet, or decoding it may kill
                a worker.
            BlobsUnavailable: The original cannot be read.
            BrokerUnavailable: Redis cannot tell whether the original is safe to decode.
            ImageError: The original cannot be decoded.
            Overloaded: Too many requests wait for workers, or the worker lacks memory.
            WorkerUnavailable: No worker answered in time.
        """
        stored_size = size_to_store(size)
        file = self.blobs.rendition(self.tenant, image_id, file_of(stored_size))
        stored = unpack(file, stored_size)
        if stored is None:
            self._refuse_deadly(image_id)
            # Raises if there is no original, without a call to a worker.
            self.blobs.open(self.tenant, image_id).close()
        elif size == stored_size:
            return stored
        return self._make(image_id, size)

    def _refuse_deadly(self, image_id: str) -> None:
        """Refuse an image that killed workers or decoders: it would kill another one."""
        letter = find_letter(self.dead_letters, self.tenant, image_id)
        if letter is not None and letter.code == QUARANTINED:
            raise NotFound(
                f"Image {image_id} is quarantined because it killed processes; it has no thumbnail."
            )
        if self.claims.deaths(self.tenant, image_id):
            raise NotFound(
                f"Image {image_id} killed a process; it has a thumbnail once it is indexed."
            )

    def _make(self, image_id: str, size: int) -> bytes:
        request = ThumbnailRequest(tenant=self.tenant, id=image_id, size=size)
        found = self.worker.call(THUMBNAILS_MAKE, request, ThumbnailResult, _TIMEOUT_S)
        if found.refused is not None:
            raise _refusal(found.refused)
        return base64.b64decode(found.data)


def _refusal(failure: Failure) -> InputError:
    """Return the error that a worker met, which has the same code here."""
    if failure.code == NotFound.code:
        return NotFound(failure.detail)
    error = ImageError(failure.detail)
    error.code = failure.code
    return error
