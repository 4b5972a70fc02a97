"""Target: the decoders, from a file's bytes to pixels or an error."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from common.errors import ImageError
from common.images.formats import MEDIA_TYPES, RAW_FORMATS, sniff
from tests.fuzz.target import Target
from tests.support import tiffs
from tests.support.damage import DAMAGE, damaged
from tests.support.pictures import encoded, jpeg, scene
from worker.decoding.decode import decode

# Pixels, so few that damaged sizes exceed them.
_PIXELS_MAX = 100_000
_DRAFT_SIDE = 20


def check(data: bytes) -> None:
    """Decode a file: the result has the promised form, and failures are errors of the picture."""
    try:
        decoded = decode(data, _PIXELS_MAX, _DRAFT_SIDE)
    except ImageError:
        return
    image = decoded.image
    assert image.mode == "RGB"
    assert 0 < image.width * image.height <= _PIXELS_MAX
    assert decoded.format == sniff(data)
    image.tobytes()


def read(data: bytes) -> bytes:
    """Return a case from arbitrary bytes."""
    return data


def _seeds() -> tuple[bytes, ...]:
    image = scene(1, (24, 16))
    mosaic = np.full((40, 60), 20_000, dtype=np.uint16)
    return (
        *(encoded(image, name) for name in sorted(set(MEDIA_TYPES) - RAW_FORMATS)),
        encoded(image, "JPEG", progressive=True),
        encoded(image.convert("RGBA"), "PNG"),
        tiffs.dng(jpeg(1, (24, 16)), (24, 16), mosaic),
    )


_SEEDS = _seeds()

TARGET = Target(
    check=check,
    cases=st.builds(damaged, st.sampled_from(_SEEDS), st.lists(DAMAGE, max_size=3)),
    read=read,
    seeds=_SEEDS,
)
