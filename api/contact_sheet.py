"""The contact sheet: a search's hits as tiles of one picture, as in the Milvus tutorial."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import islice

from PIL import Image

# Behind tiles that a picture does not fill; light, so that dark pictures end visibly.
_BACKGROUND = (245, 245, 245)


def draw(pictures: Iterable[Image.Image | None], columns: int, rows: int, tile: int) -> Image.Image:
    """Draw pictures row by row, each centred in its tile.

    Args:
        pictures: Best hit first, none larger than a tile; None leaves its tile empty.
        columns: Tiles in a row.
        rows: Rows of tiles; pictures past the last tile are left out.
        tile: Side of a tile, in pixels.
    """
    sheet = Image.new("RGB", (columns * tile, rows * tile), _BACKGROUND)
    for place, picture in enumerate(islice(pictures, columns * rows)):
        if picture is not None:
            left = place % columns * tile + (tile - picture.width) // 2
            top = place // columns * tile + (tile - picture.height) // 2
            sheet.paste(picture, (left, top))
    return sheet


def to_png(sheet: Image.Image) -> bytes:
    """Return a picture as PNG."""
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
