"""The contact sheet: a search's hits as tiles of one picture, as in the Milvus tutorial."""

from __future__ import annotations

import bisect
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Self

from PIL import Image, ImageDraw

from api.pictures.caption_fonts import Font, caption_font, drawable

# Background of tiles that a picture does not fill; light, so that the edges of dark pictures show.
_BACKGROUND = (245, 245, 245)
# Colours of captions, and of the mark on the tile of a missing picture.
_INK, _MARK = (40, 40, 40), (210, 210, 210)
# Height of a caption's text, as a share of the tile's side, and in pixels at least.
_TEXT_SHARE, _TEXT_PX_MIN = 12, 8
# Lines of a caption, and their height as a multiple of the text's.
_LINES, _LINE_HEIGHT = 2, 1.3
# Ends a file name that was shortened; every font has it.
_CUT = "..."


@dataclass(frozen=True, slots=True)
class Tile:
    """One hit to draw; a missing picture becomes a mark."""

    picture: Image.Image | None
    rank: int
    score: float
    filename: str

    @classmethod
    def of(cls, thumbnail: bytes | None, side: int, rank: int, score: float, filename: str) -> Self:
        """Return the tile of a hit.

        Args:
            thumbnail: A stored thumbnail, which a worker made; None if there is none.
            side: Side of the tile, in pixels; a larger thumbnail is shrunk.
            rank: The hit's rank, from 1.
            score: Its score.
            filename: Its file name.
        """
        picture = None if thumbnail is None else _opened(thumbnail, side)
        return cls(picture, rank, score, filename)


class ContactSheet:
    """A sheet of tiles, drawn row by row.

    Args:
        columns: Tiles in a row.
        rows: Rows of tiles; tiles past the last one are left out.
        tile: Side of a tile, in pixels.
        captions: Whether to write rank, score and file name below each picture.
    """

    def __init__(self, columns: int, rows: int, tile: int, *, captions: bool = False) -> None:
        self._columns = columns
        self._rows = rows
        self._tile = tile
        self._text_px = max(_TEXT_PX_MIN, tile // _TEXT_SHARE)
        self._line_px = round(self._text_px * _LINE_HEIGHT)
        self._caption_px = _LINES * self._line_px if captions else 0

    def draw(self, tiles: Iterable[Tile]) -> Image.Image:
        """Draw tiles, best hit first; no picture may be larger than a tile."""
        height = self._tile + self._caption_px
        size = (self._columns * self._tile, self._rows * height)
        sheet = Image.new("RGB", size, _BACKGROUND)
        for place, tile in enumerate(islice(tiles, self._columns * self._rows)):
            left, top = place % self._columns * self._tile, place // self._columns * height
            if tile.picture is None:
                self._mark(sheet, left, top)
            else:
                self._paste(sheet, tile.picture, left, top)
            if self._caption_px:
                self._caption(sheet, tile, left, top + self._tile)
        return sheet

    def _paste(self, sheet: Image.Image, picture: Image.Image, left: int, top: int) -> None:
        left += (self._tile - picture.width) // 2
        top += (self._tile - picture.height) // 2
        sheet.paste(picture, (left, top))

    def _mark(self, sheet: Image.Image, left: int, top: int) -> None:
        """Draw a crossed-out frame in the middle of a tile."""
        third = self._tile // 3
        near, far = (left + third, top + third), (left + 2 * third, top + 2 * third)
        pen = ImageDraw.Draw(sheet)
        pen.rectangle((*near, *far), outline=_MARK)
        pen.line((*near, *far), fill=_MARK)

    def _caption(self, sheet: Image.Image, tile: Tile, left: int, top: int) -> None:
        font = caption_font(self._text_px)
        pen = ImageDraw.Draw(sheet)
        margin = self._text_px // 3
        for number, line in enumerate((f"{tile.rank}  {tile.score:.3f}", _name(tile.filename))):
            text = _cut(drawable(line, font), font, self._tile - 2 * margin)
            pen.text((left + margin, top + number * self._line_px), text, fill=_INK, font=font)


def _opened(thumbnail: bytes, side: int) -> Image.Image | None:
    """Open a thumbnail, or return None if it is damaged."""
    try:
        picture = Image.open(io.BytesIO(thumbnail), formats=["JPEG"])
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError):
        return None
    return picture


def _name(filename: str) -> str:
    """Return the last component of a path."""
    return filename.rstrip("/").rpartition("/")[2]


def _cut(text: str, font: Font, width: int) -> str:
    """Return a text, shortened to at most ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    fitting = bisect.bisect_right(
        range(1, len(text)), width, key=lambda count: math.ceil(font.getlength(text[:count] + _CUT))
    )
    return text[:fitting] + _CUT


def to_png(sheet: Image.Image) -> bytes:
    """Return a picture as PNG."""
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
