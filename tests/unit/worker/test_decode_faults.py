"""Decoding distinguishes truncated, unsupported and undecodable pictures."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest
import rawpy
from PIL import Image

from common.errors import (
    DecoderFailed,
    NotAnImage,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)
from tests.support import pictures, tiffs
from worker.decoding.decode import decode
from worker.decoding.faults import translated

PIXELS_MAX = 1_000_000

# Formats whose structure tells whether they are whole.
STRUCTURED = ("AVIF", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")


class PanicException(BaseException):
    """What a decoder in Rust raises as it panics."""


def raised(error: BaseException, name: str, data: bytes) -> type[Exception]:
    with pytest.raises(Exception) as caught, translated(name, data):  # noqa: PT011 - is returned
        raise error
    return caught.type


@pytest.mark.parametrize("error", [KeyError(1), AttributeError("x"), PanicException("x")])
@pytest.mark.parametrize("name", STRUCTURED)
def test_a_decoder_that_fails_on_a_whole_file_is_told(name: str, error: BaseException) -> None:
    whole = pictures.encoded(pictures.scene(1), name)
    assert raised(error, name, whole) is DecoderFailed
    assert raised(error, name, whole[:-40]) is TruncatedImage


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_decoder_that_speaks_of_damage_is_believed(name: str) -> None:
    whole = pictures.encoded(pictures.scene(1), name)
    assert raised(OSError("broken data stream"), name, whole) is TruncatedImage
    assert raised(EOFError(), name, whole) is TruncatedImage


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HEIF", "Unsupported feature: Unspecified"),
        ("HEIF", "not identified by this driver"),
        ("AVIF", "Failed to decode image: Not implemented"),
        ("JPEG", "cannot handle 12-bit layers"),
        ("TIFF", "unknown pixel mode"),
    ],
)
def test_a_decoder_that_refuses_a_whole_file_makes_it_unsupported(name: str, text: str) -> None:
    whole = pictures.encoded(pictures.scene(1), name)
    assert raised(SyntaxError(text), name, whole) is UnsupportedFormat


def test_a_raw_file_that_libraw_does_not_know_is_unsupported() -> None:
    assert raised(rawpy.LibRawFileUnsupportedError(), "CR2", b"II*\0") is UnsupportedFormat


def test_a_picture_too_large_for_libheif_has_too_many_pixels() -> None:
    data = _sized(pictures.encoded(pictures.scene(1), "HEIF"), 60_000)
    with pytest.raises(TooManyPixels):
        decode(data, PIXELS_MAX)


def test_a_picture_too_large_for_libavif_has_too_many_pixels() -> None:
    data = _sized(pictures.encoded(pictures.scene(1), "AVIF"), 60_000)
    with pytest.raises(TooManyPixels, match="60000 x 60000"):
        decode(data, PIXELS_MAX)


def _sized(data: bytes, side: int) -> bytes:
    """Return a HEIF or AVIF that claims another size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", side, side) + data[at + 8 :]


def test_an_interrupt_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), translated("PNG"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "zstd", "jpeg"])
def test_a_tiff_cut_off_anywhere_is_truncated(compression: str | None, share: float) -> None:
    whole = pictures.encoded(pictures.scene(2), "TIFF", compression=compression)
    with pytest.raises(TruncatedImage):
        decode(whole[: int(len(whole) * share)], PIXELS_MAX)


def test_a_png_whose_pixels_have_a_wrong_checksum_is_truncated() -> None:
    data = bytearray(pictures.encoded(pictures.scene(2), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(TruncatedImage):
        decode(bytes(data), PIXELS_MAX)


def test_a_tile_larger_than_the_limit_is_refused() -> None:
    """Its decoder unpacks whole tiles, whatever the picture's size."""
    tags: dict[int, tiffs.Value] = {
        tiffs.WIDTH: 16,
        tiffs.HEIGHT: 16,
        tiffs.BITS: 8,
        tiffs.SAMPLES: 1,
        tiffs.COMPRESSION: tiffs.DEFLATE,
        tiffs.PHOTOMETRIC: tiffs.BLACK_IS_ZERO,
        tiffs.TILE_WIDTH: 30_000,
        tiffs.TILE_HEIGHT: 30_000,
    }
    with pytest.raises(TooManyPixels, match="30000 x 30000"):
        decode(tiffs.tiff(tags, b""), PIXELS_MAX)


def test_a_jpeg_of_hundreds_of_scans_is_refused() -> None:
    data = pictures.encoded(pictures.scene(1), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(UnsupportedFormat):
        decode(data[:-2] + scan * 200 + data[-2:], PIXELS_MAX)


def test_a_pnm_whose_header_does_not_end_is_refused_at_once() -> None:
    data = pictures.encoded(pictures.scene(1), "PNM")
    assert decode(b"P6 # a comment\n" + data[3:], PIXELS_MAX).width == 64
    with pytest.raises(TruncatedImage):
        decode(b"P6\n#" + b"x" * 100_000 + b"\n" + data[3:], PIXELS_MAX)


def test_an_svg_behind_a_long_comment_costs_no_time() -> None:
    with pytest.raises(NotAnImage):
        decode(b"<?xml?>" + b"<!-- -->" * (1 << 20) + b"<svg >", PIXELS_MAX)


def test_hostile_files_take_little_memory() -> None:
    """Claims of large sizes in small files, within 64 MiB in all."""
    files = [
        _sized(pictures.encoded(pictures.scene(1), "AVIF"), 20_000),
        _sized(pictures.encoded(pictures.scene(1), "HEIF"), 20_000),
        pictures.bomb_png(),
        struct.pack("<BBB5sHHHHBB", 0, 0, 10, bytes(5), 0, 0, 60_000, 60_000, 24, 0),
        b"P6 60000 60000 255\n",
        b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + bytes(20),
        b"\xff\x0a\x06" + b"\xff" * 30,
    ]
    packed = b"".join(struct.pack("<I", len(file)) + file for file in files)
    program = """
import resource, struct, sys
from common.errors import ImageError
from worker.decoding.decode import decode

data, at, failed = sys.stdin.buffer.read(), 0, 0
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + 64 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
while at < len(data):
    (size,) = struct.unpack_from("<I", data, at)
    try:
        decode(data[at + 4 : at + 4 + size], 10**8)
    except ImageError:
        failed += 1
    at += 4 + size
print(failed)
"""
    done = subprocess.run([sys.executable, "-c", program], input=packed, check=True, stdout=-1)
    assert int(done.stdout) == len(files)


def test_without_its_plug_in_jpeg_xl_is_a_format_that_is_not_supported() -> None:
    code = """
import sys
sys.modules["pillow_jxl"] = None
from common.errors import UnsupportedFormat
from worker.decoding.decode import decode
try:
    decode(sys.stdin.buffer.read(), 1_000_000)
except UnsupportedFormat as error:
    sys.exit(str(error))
"""
    file = pictures.encoded(Image.new("RGB", (8, 8)), "JXL")
    run = subprocess.run([sys.executable, "-c", code], input=file, capture_output=True, check=False)
    assert run.returncode == 1
    assert b"Install Glimpse with the extra jxl" in run.stderr
