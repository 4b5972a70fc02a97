"""Missing thumbnails: made when somebody asks for them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from PIL import Image

from common.blobs.base import BlobStore
from common.contract import Failure, ThumbnailRequest, ThumbnailResult
from common.errors import BlobsUnavailable, ImageError, NotFound, Overloaded, WorkerUnavailable
from common.images.thumbnails import file_of, pack, size_to_render, size_to_store, unpack
from worker.decoding.decode import count_pixels, decode
from worker.pixel_budget import PixelBudget
from worker.stores.base import VectorStore
from worker.thumbnails.rendering import render, shrunk, to_jpeg

# How many times larger than its thumbnail a JPEG is decoded, at least.
_DRAFT_GAP = 2
# Seconds that a picture waits for room before its request is refused.
_WAIT_S = 2.0
# Seconds after which to retry: the largest pictures take a few to decode.
_RETRY_AFTER_S = 2


class MissingThumbnails:
    """Runs ``thumbnails.make``.

    Only originals of indexed images are decoded: an ingest worker has decoded them before, so
    they do not kill a search worker.

    Args:
        blobs: The blob store of the originals.
        store: Provides which images are indexed.
        pixels_max: Maximum pixels of a picture, and of all that are decoded at once.
        budget: A budget to use instead of one of ``pixels_max``.
        wait_s: Seconds that a picture waits for room in it.
    """

    def __init__(
        self,
        blobs: BlobStore,
        store: VectorStore,
        pixels_max: int,
        budget: PixelBudget | None = None,
        wait_s: float = _WAIT_S,
    ) -> None:
        self._blobs = blobs
        self._store = store
        self._pixels_max = pixels_max
        self._budget = budget or PixelBudget(pixels_max)
        self._wait_s = wait_s

    def run(
        self, request: ThumbnailRequest, is_wanted: Callable[[], bool] = lambda: True
    ) -> ThumbnailResult:
        """Return a thumbnail, and store it if its size is one of those that are stored.

        Args:
            request: The image and the size.
            is_wanted: Returns whether the caller still waits. Bytes that nobody reads would
                stay in Redis.

        Raises:
            Overloaded: There is not enough memory to decode the original now.
            WorkerUnavailable: The caller no longer waits.
            ServiceError: A part of the service is unavailable. Retry in all three cases.
        """
        try:
            data = self._make(request)
        except (NotFound, ImageError) as error:
            return ThumbnailResult(refused=Failure(code=error.code, detail=str(error)))
        except MemoryError as error:
            raise Overloaded(
                f"There is not enough memory to make the thumbnail; try again in "
                f"{_RETRY_AFTER_S} s.",
                _RETRY_AFTER_S,
            ) from error
        if not is_wanted():
            raise WorkerUnavailable("The thumbnail was made after the request timed out; retry.")
        return ThumbnailResult(data=base64.b64encode(data).decode())

    def _make(self, request: ThumbnailRequest) -> bytes:
        size = size_to_store(request.size)
        data = unpack(self._blobs.rendition(request.tenant, request.id, file_of(size)), size)
        if data is None:
            data = self._render(request.tenant, request.id, size)
        if request.size == size:
            return data
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            smaller = shrunk(image, request.size)
            return data if smaller is image else to_jpeg(smaller)

    def _render(self, tenant: str, image_id: str, size: int) -> bytes:
        """Decode an original, store its thumbnails up to ``size``, and return that one."""
        largest = size_to_render(size)
        if not self._store.known(tenant, [image_id]):
            raise NotFound(f"Image {image_id} has no thumbnail until it is indexed.")
        draft_side = largest * _DRAFT_GAP
        pixels = count_pixels(self._blobs.read(tenant, image_id), self._pixels_max, draft_side)
        with self._room(pixels):
            # Read again: a task that waits for room holds no bytes in memory.
            data = self._blobs.read(tenant, image_id)
            made = render(decode(data, self._pixels_max, draft_side), largest)
        # A thumbnail that cannot be stored can still be sent.
        with suppress(BlobsUnavailable):
            for name, file in pack(made).items():
                self._blobs.put_rendition(tenant, image_id, name, file)
        return made[size]

    @contextmanager
    def _room(self, pixels: int) -> Iterator[None]:
        """Hold room for a picture's pixels for the block.

        Raises:
            Overloaded: There was no room in time.
        """
        if not self._budget.take(pixels, self._wait_s):
            raise Overloaded(
                f"The memory for decoding pictures is in use; try again in {_RETRY_AFTER_S} s.",
                _RETRY_AFTER_S,
            )
        try:
            yield
        finally:
            self._budget.give_back(pixels)
