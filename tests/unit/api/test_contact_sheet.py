"""The contact sheet: one tile per hit, whatever its name and even if its picture is gone."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from api.pictures.caption_fonts import caption_font, drawable
from api.pictures.contact_sheet import ContactSheet, Tile, to_png

SIDE = 90


def tile(picture: Image.Image | None = None, rank: int = 1, filename: str = "dog.jpg") -> Tile:
    return Tile(picture, rank, 0.5, filename)


def red(width: int = SIDE, height: int = SIDE) -> Image.Image:
    return Image.new("RGB", (width, height), "red")


def colours(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    return len(image.crop(box).getcolors(SIDE * SIDE) or [])


def test_tiles_fill_rows_and_the_rest_stays_empty() -> None:
    sheet = ContactSheet(2, 2, SIDE).draw([tile(red()), tile(red(30, 10)), tile(red())])
    assert sheet.size == (2 * SIDE, 2 * SIDE)
    assert sheet.getpixel((0, 0)) == (255, 0, 0)
    assert sheet.getpixel((SIDE + SIDE // 2, SIDE // 2)) == (255, 0, 0)
    assert sheet.getpixel((SIDE + 1, 1)) == (245, 245, 245)
    assert colours(sheet, (SIDE, SIDE, 2 * SIDE, 2 * SIDE)) == 1


def test_tiles_past_the_last_are_left_out() -> None:
    sheet = ContactSheet(2, 1, SIDE).draw(tile(red()) for _ in range(5))
    assert sheet.size == (2 * SIDE, SIDE)


def test_a_picture_that_is_gone_leaves_a_mark() -> None:
    sheet = ContactSheet(2, 1, SIDE).draw([tile(None), tile(red())])
    assert colours(sheet, (0, 0, SIDE, SIDE)) == 2
    assert sheet.getpixel((1, 1)) == (245, 245, 245)


def test_captions_stand_below_each_picture() -> None:
    plain = ContactSheet(2, 2, SIDE).draw([tile(red()), tile(None)])
    sheet = ContactSheet(2, 2, SIDE, captions=True).draw([tile(red()), tile(None)])
    height = sheet.height // 2
    assert height > SIDE
    assert (
        sheet.crop((0, 0, 2 * SIDE, SIDE)).tobytes() == plain.crop((0, 0, 2 * SIDE, SIDE)).tobytes()
    )
    for left in (0, SIDE):
        assert colours(sheet, (left, SIDE, left + SIDE, height)) > 2
    assert colours(sheet, (0, height, 2 * SIDE, 2 * height)) == 1


def test_a_caption_tells_rank_and_name() -> None:
    def drawn(rank: int, filename: str) -> bytes:
        sheet = ContactSheet(1, 1, SIDE, captions=True)
        return sheet.draw([tile(red(), rank, filename)]).tobytes()

    assert drawn(1, "dog.jpg") != drawn(2, "dog.jpg")
    assert drawn(1, "dog.jpg") != drawn(1, "cat.jpg")
    assert drawn(1, "some/where/dog.jpg") == drawn(1, "dog.jpg")


@pytest.mark.parametrize(
    ("filename", "plain"),
    [
        ("Übung café", "Ubung cafe"),
        ("собака", "sobaka"),
        ("犬", "Quan"),
        ("كلب", "klb"),
        ("हिन्दी", "hindi"),
        ("🐶", ":dog:"),
        ("a\u202e\x1b\ud800b", "ab"),
        ("dog", "dog"),
    ],
)
def test_what_a_font_cannot_draw_is_transliterated(filename: str, plain: str) -> None:
    # Pillow's font has little more than ASCII.
    assert drawable(filename, ImageFont.load_default(12)) == plain
    best = caption_font(12)
    shown = drawable(filename, best)
    assert shown in (filename, plain)
    box = best.getmask("\uffff")
    assert all(bytes(best.getmask(character)) != bytes(box) for character in shown)


@pytest.mark.parametrize("side", [16, 90, 512])
def test_a_long_name_stays_in_its_tile(side: int) -> None:
    long = tile(None, 1000, "w" * 1000)
    sheet = ContactSheet(2, 1, side, captions=True).draw([long])
    assert len(sheet.crop((side, 0, 2 * side, sheet.height)).getcolors(10**6)) == 1
    assert len(sheet.crop((0, side, side, sheet.height)).getcolors(10**6)) > 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=1024), st.integers(16, 200))
@example("line\u2028paragraph\u2029", 100)
def test_any_name_can_be_drawn(filename: str, side: int) -> None:
    sheet = ContactSheet(1, 1, side, captions=True).draw([tile(None, 1, filename)])
    assert Image.open(io.BytesIO(to_png(sheet))).size == (side, sheet.height)
