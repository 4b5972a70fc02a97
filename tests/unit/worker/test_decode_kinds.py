"""Decoding: rare kinds of each format look as their files mean them, or are refused."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from common.errors import UnsupportedFormat
from tests.support import pictures, tiffs
from worker.decoding.decode import Decoded, decode

# More pixels than any test picture has.
PIXELS_MAX = 1_000_000

WHITE = (255, 255, 255)
RAMP = np.linspace(0, 1, 16)[np.newaxis]


def opened(data: bytes) -> Decoded:
    return decode(data, PIXELS_MAX)


def row(data: bytes) -> list[int]:
    """Return the grey values of a picture of one row."""
    return [int(value) for value in np.asarray(opened(data).image)[0, :, 0]]


def tags(values: np.ndarray, **more: tiffs.Value) -> dict[int, tiffs.Value]:
    """Return the tags of grey values, and of those named in ``tiffs``."""
    formats = {"u": tiffs.UNSIGNED, "i": tiffs.SIGNED, "f": tiffs.FLOAT}
    return {
        tiffs.WIDTH: values.shape[1],
        tiffs.HEIGHT: values.shape[0],
        tiffs.BITS: values.itemsize * 8,
        tiffs.COMPRESSION: tiffs.NONE,
        tiffs.PHOTOMETRIC: tiffs.BLACK_IS_ZERO,
        tiffs.SAMPLES: 1,
        tiffs.ROWS: values.shape[0],
        tiffs.SAMPLE_FORMAT: formats[values.dtype.kind],
        **{getattr(tiffs, name): value for name, value in more.items()},
    }


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [tiffs.NONE, tiffs.DEFLATE])
@pytest.mark.parametrize("kind", ["i1", "u2", "i2", "u4", "i4", "f4"])
def test_a_grey_tiff_of_any_type_and_order_is_right(
    kind: str, compression: int, order: str
) -> None:
    form = np.dtype(order + kind)
    limits = (0, 1) if form.kind == "f" else (np.iinfo(form).min, np.iinfo(form).max)
    values = (RAMP * (float(limits[1]) - limits[0]) + limits[0]).astype(form)
    if (order, kind) == (">", "u4"):
        with pytest.raises(UnsupportedFormat):
            opened(tiffs.tiff(tags(values), b"", order=order))
        return
    strip = values.tobytes()
    packed = zlib.compress(strip) if compression == tiffs.DEFLATE else strip
    data = tiffs.tiff(tags(values, COMPRESSION=compression), packed, order=order)
    assert np.abs(np.array(row(data)) - RAMP[0] * 255).max() <= 1


@pytest.mark.parametrize("lesser", [{"SUBFILE": tiffs.REDUCED}, {"SUBFILE": 4}, {"OLD_SUBFILE": 2}])
def test_a_thumbnail_or_mask_is_not_the_picture_of_a_tiff(lesser: dict[str, int]) -> None:
    thumbnail, whole = np.zeros((1, 2), np.uint8), np.full((1, 4), 90, np.uint8)
    first = (tags(thumbnail, **lesser), thumbnail.tobytes())
    data = tiffs.pages(first, (tags(whole), whole.tobytes()))
    assert row(data) == [90] * 4
    # A file of nothing else is its first picture.
    assert row(tiffs.pages(first, first)) == [0, 0]


def test_the_picture_of_a_tiff_may_be_one_that_its_thumbnail_names() -> None:
    thumbnail, whole = np.zeros((1, 2), np.uint8), np.full((1, 4), 90, np.uint8)
    file = tiffs.pages((tags(whole), whole.tobytes()))
    (at,) = struct.unpack_from("<I", file, 4)
    first = tags(thumbnail, SUBFILE=tiffs.REDUCED, SUBIFDS=at)
    # The directory of the picture stays where it is; the header names that of the thumbnail.
    data = tiffs.pages((tags(whole), whole.tobytes()), (first, thumbnail.tobytes()))
    (last,) = struct.unpack_from("<I", data, at + 2 + 12 * struct.unpack_from("<H", data, at)[0])
    data = data[:4] + struct.pack("<I", last) + data[8:]
    assert row(data) == [90] * 4


def test_a_tiff_whose_directories_form_a_loop_is_its_first_picture() -> None:
    values = np.full((1, 4), 90, np.uint8)
    data = tiffs.pages((tags(values, SUBFILE=tiffs.REDUCED), values.tobytes()))
    at = struct.unpack_from("<I", data, 4)[0]
    assert row(data[:-4] + struct.pack("<I", at)) == [90] * 4


def test_a_tiff_packed_as_webp_is_unsupported() -> None:
    values = np.zeros((1, 4), np.uint8)
    with pytest.raises(UnsupportedFormat):
        opened(tiffs.tiff(tags(values, COMPRESSION=tiffs.WEBP), b"RIFF"))


def test_a_tiff_with_planes_of_grey_and_transparency_is_unsupported() -> None:
    planes = tags(np.zeros((4, 4), np.uint8), BITS=(8, 8), SAMPLES=2, PLANAR=tiffs.PLANES)
    data = tiffs.tiff(
        {**planes, tiffs.EXTRA_SAMPLES: 2, tiffs.SAMPLE_FORMAT: (1, 1)}, *[bytes(16)] * 2
    )
    with pytest.raises(UnsupportedFormat):
        opened(data)


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_the_transparent_grey_of_a_png_is_transparent(bits: int) -> None:
    white = (1 << bits) - 1
    values = np.array([[0, white // 3, white, 0] * 2])
    expected = [0, 255, 255, 0] * 2
    data = pictures.png(values, bits, (b"tRNS", struct.pack(">H", white // 3)))
    assert row(data) == expected


def test_the_transparent_colour_of_a_deep_png_is_no_other() -> None:
    dark, other = (0x1234, 0x2345, 0x3456), (0x3412, 0x4523, 0x5634)
    values = np.array([[dark, other]])
    image = opened(pictures.png(values, 16, (b"tRNS", struct.pack(">3H", *dark)))).image
    assert (image.getpixel((0, 0)), image.getpixel((1, 0))) == (WHITE, (0x34, 0x45, 0x56))


def test_a_bmp_whose_alpha_is_zero_is_opaque() -> None:
    pixel = bytes([30, 20, 10, 0])
    header = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 32, 3, 8, 0, 0, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    file = b"BM" + struct.pack("<IHHI", 130, 0, 0, 122) + header + masks + pixel * 2
    assert opened(file).image.getpixel((0, 0)) == (10, 20, 30)


@pytest.mark.parametrize(("flags", "expected"), [(0, (10, 20, 30)), (8, (132, 137, 142))])
def test_a_tga_is_transparent_if_its_header_says_so(
    flags: int, expected: tuple[int, int, int]
) -> None:
    head = struct.pack("<BBB5sHHHHBB", 0, 0, 2, bytes(5), 0, 0, 2, 1, 32, flags | 0x20)
    assert opened(head + bytes([30, 20, 10, 128]) * 2).image.getpixel((0, 0)) == expected


def test_one_is_black_in_a_bitmap_by_photoshop() -> None:
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 1, 1, 8, 1, 0)
    assert row(head + bytes(12) + bytes(2) + b"\x0f") == [255] * 4 + [0] * 4


def test_deep_grey_with_transparency_is_read_whole() -> None:
    """A JPEG XL of eight opaque pixels of 16 bits, which its plug-in takes for twice as many."""
    data = bytes.fromhex(
        "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000096a786c6c0a00"
        "00002e6a786c63ff0a00000ee047f00350b4080810100050004b188b15c2096c5c3af802070000"
        "80c311d80a00"
    )
    assert row(data) == [0, 0, 255, 255] * 2


def test_few_bits_of_a_jpeg_2000_reach_white() -> None:
    """Two rows of black and white in one bit."""
    data = bytes.fromhex(
        "ff4fff510029000000000008000000020000000000000000000000080000000200000000000000000001"
        "000101ff52000c00000001000004040001ff5c00044008ff90000a0000000000140001ff93d2000907087fffd9"
    )
    assert row(data) == [0, 255, 255, 0] * 2


def test_a_deep_jpeg_2000_of_colours_is_unsupported() -> None:
    data = bytearray(pictures.encoded(pictures.scene(1), "JPEG2000", no_jp2=True))
    # The depth of the first component, less one.
    data[42] = 15
    with pytest.raises(UnsupportedFormat):
        opened(bytes(data))


def test_a_gif_shows_its_ground_where_the_frame_does_not_reach() -> None:
    data = pictures.encoded(Image.new("P", (4, 4), 0), "GIF")
    at = data.index(b",") + 1
    # A larger screen, with the frame away from its corner.
    data = (
        data[:6]
        + struct.pack("<HH", 8, 8)
        + data[10:at]
        + struct.pack("<HH", 4, 4)
        + data[at + 4 :]
    )
    image = opened(data).image
    assert (image.size, image.getpixel((0, 0)), image.getpixel((6, 6))) == (
        (8, 8),
        WHITE,
        (0, 0, 0),
    )


@pytest.mark.parametrize("marker", [0xF7, 0xC7])
def test_a_jpeg_of_a_kind_that_no_decoder_reads_is_unsupported(marker: int) -> None:
    data = pictures.jpeg()
    at = data.index(b"\xff\xc0") + 1
    with pytest.raises(UnsupportedFormat):
        opened(data[:at] + bytes([marker]) + data[at + 1 :])


def test_a_small_baseline_jpeg_may_lack_its_end() -> None:
    whole = pictures.encoded(pictures.scene(2, (16, 16)), "JPEG", subsampling=0, quality=95)
    assert opened(whole[:-2]).image.tobytes() == opened(whole).image.tobytes()
