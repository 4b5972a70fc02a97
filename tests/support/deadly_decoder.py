"""A decoder whose process dies of some pictures, as far as its caller can tell."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from common.errors import DecoderDied
from worker.decoders.base import Description
from worker.decoders.inline import InlineDecoder
from worker.pixel_budget import Room


class DeadlyDecoder(InlineDecoder):
    """Decodes in the calling thread, and raises ``DecoderDied`` for deadly images."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.deadly: set[str] = set()
        # By image.
        self.deaths: Counter[str] = Counter()

    def prepare(self, tenant: str, image_id: str, room: Room) -> NDArray[np.uint8]:
        self._live_or_die(image_id)
        return super().prepare(tenant, image_id, room)

    def prepare_new(
        self, tenant: str, image_id: str, room: Room
    ) -> tuple[NDArray[np.uint8], Description]:
        self._live_or_die(image_id)
        return super().prepare_new(tenant, image_id, room)

    def _live_or_die(self, image_id: str) -> None:
        if image_id in self.deadly:
            self.deaths[image_id] += 1
            raise DecoderDied(f"The process that decoded image {image_id} died (signal 11).")
