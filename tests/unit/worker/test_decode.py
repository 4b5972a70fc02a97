"""Decoding: unusual pictures look right, and invalid ones fail with their error code."""

from __future__ import annotations

import io
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from common.errors import (
    EmptyImage,
    ImageError,
    NotAnImage,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)
from common.images.formats import MEDIA_TYPES, RAW_FORMATS
from tests.support import pictures, tiffs
from worker.decoding import jxl_header
from worker.decoding.decode import Decoded, count_pixels, decode

# More pixels than any test picture has, except the bomb.
PIXELS_MAX = 1_000_000

FORMATS = sorted(set(MEDIA_TYPES) - RAW_FORMATS)

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def opened(data: bytes) -> Decoded:
    return decode(data, PIXELS_MAX)


def pixels(decoded: Decoded) -> bytes:
    return decoded.image.tobytes()


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Return whether a pixel has a colour, within the tolerance of lossy formats."""
    pixel = np.array(image.getpixel(place))
    return bool(np.abs(pixel - colour).max() <= 6)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_opens_as_rgb(name: str) -> None:
    decoded = opened(pictures.encoded(pictures.scene(1), name))
    assert decoded.image.mode == "RGB"
    assert (decoded.width, decoded.height) == decoded.image.size == (64, 48)
    assert decoded.format == name


def test_a_picture_without_loss_keeps_every_pixel() -> None:
    scene = pictures.scene(2)
    assert np.array_equal(opened(pictures.encoded(scene, "PNG")).image, scene)


def test_one_pixel_is_a_picture() -> None:
    decoded = opened(pictures.one_pixel_png())
    assert decoded.image.getpixel((0, 0)) == RED


def test_cmyk_becomes_rgb() -> None:
    assert near(opened(pictures.cmyk_jpeg()).image, (16, 16), RED)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.asarray(opened(pictures.sixteen_bit_png()).image)
    assert np.array_equal(ramp[0, :, 0], np.arange(256))


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_a_deep_tiff_is_stretched_to_black_and_white(kind: type[np.generic]) -> None:
    ramp = np.tile(np.linspace(-1000, 9_000_000, 50), (4, 1)).astype(kind)
    grey = np.asarray(opened(pictures.encoded(Image.fromarray(ramp), "TIFF")).image)[0, :, 0]
    assert (grey[0], grey[-1]) == (0, 255)
    assert np.all(np.diff(grey.astype(int)) > 0)


def test_a_deep_tiff_of_one_value_opens() -> None:
    flat = Image.fromarray(np.full((4, 4), 0.5, dtype=np.float32))
    assert opened(pictures.encoded(flat, "TIFF")).image.size == (4, 4)


def test_values_that_are_no_numbers_leave_the_others_as_they_are() -> None:
    values = np.full((4, 4), 0.5, dtype=np.float32)
    values[0] = [0, np.nan, 1, np.inf]
    grey = np.asarray(opened(pictures.encoded(Image.fromarray(values), "TIFF")).image)[..., 0]
    assert grey[0].tolist() == [0, 0, 255, 255]
    assert grey[1, 1] in (127, 128)
    nothing = Image.fromarray(np.full((4, 4), np.nan, dtype=np.float32))
    assert opened(pictures.encoded(nothing, "TIFF")).image.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_fewer_bits_in_sixteen_are_scaled_to_white(bits: int) -> None:
    ramp = np.linspace(0, 2**bits - 1, 256).astype(np.uint16)[np.newaxis]
    decoded = opened(pictures.encoded(Image.fromarray(ramp), "PNG"))
    assert np.array_equal(np.asarray(decoded.image)[0, :, 0], np.arange(256))


@pytest.mark.parametrize(
    ("photometric", "ends"), [(tiffs.BLACK_IS_ZERO, [0, 255]), (tiffs.WHITE_IS_ZERO, [255, 0])]
)
def test_sixteen_bits_are_black_or_white_at_zero(photometric: int, ends: list[int]) -> None:
    values = np.array([[0, 65535]], dtype="<u2")
    grey = np.asarray(opened(pictures.grey_tiff(values, photometric)).image)
    assert grey[0, :, 0].tolist() == ends


def test_lab_becomes_rgb() -> None:
    # Of a lightness of about one half, without colour.
    grey = Image.merge("LAB", [Image.new("L", (3, 3), value) for value in (137, 128, 128)])
    assert near(opened(pictures.encoded(grey, "TIFF")).image, (1, 1), (128, 128, 128))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_those_of_the_profile(mode: str) -> None:
    """A profile with red and blue exchanged, as in a file whose colours are so."""
    scene = pictures.scene(2)
    exchanged = Image.merge("RGB", scene.split()[::-1]).convert(mode)
    data = pictures.encoded(exchanged, "PNG", icc_profile=pictures.red_and_blue_exchanged())
    difference = np.abs(np.asarray(opened(data).image).astype(int) - np.asarray(scene))
    assert difference.mean() < 3


@pytest.mark.parametrize(
    "profile", [b"no profile", pictures.srgb(), pictures.red_and_blue_exchanged()[:200]]
)
def test_a_profile_without_use_changes_nothing(profile: bytes) -> None:
    scene = pictures.scene(2)
    decoded = opened(pictures.encoded(scene, "PNG", icc_profile=profile))
    assert np.array_equal(decoded.image, scene)


def test_a_profile_of_other_colours_changes_nothing() -> None:
    grey = pictures.scene(2).convert("L")
    data = pictures.encoded(grey, "PNG", icc_profile=pictures.red_and_blue_exchanged())
    assert np.array_equal(np.asarray(opened(data).image), np.asarray(grey.convert("RGB")))


def test_a_bright_picture_is_laid_on_black() -> None:
    logo = Image.new("RGBA", (40, 40), (255, 255, 255, 0))
    logo.paste((250, 250, 250, 255), (10, 10, 30, 30))
    image = opened(pictures.encoded(logo, "PNG")).image
    assert (image.getpixel((0, 0)), image.getpixel((20, 20))) == ((0, 0, 0), (250, 250, 250))


def test_transparent_palette_is_laid_on_white() -> None:
    image = opened(pictures.transparent_palette_png()).image
    assert (image.getpixel((0, 0)), image.getpixel((1, 1))) == (WHITE, BLUE)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (255, 0, 0, 0), WHITE),
        ("RGBA", (255, 0, 0, 255), RED),
        ("LA", (0, 0), WHITE),
        ("LA", (0, 51), (204, 204, 204)),
    ],
)
def test_alpha_is_laid_on_white(
    mode: str, colour: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    data = pictures.encoded(Image.new(mode, (3, 3), colour), "PNG")
    assert opened(data).image.getpixel((1, 1)) == expected


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_transparent_colour_is_laid_on_white(mode: str) -> None:
    black = (0, 0, 0) if mode == "RGB" else 0
    data = pictures.encoded(Image.new(mode, (3, 3), black), "PNG", transparency=black)
    assert opened(data).image.getpixel((1, 1)) == WHITE


@pytest.mark.parametrize("name", ["GIF", "WEBP"])
def test_an_animation_is_its_first_frame(name: str) -> None:
    assert near(opened(pictures.animation(name)).image, (16, 16), RED)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_quarter_turn_is_undone(name: str) -> None:
    decoded = opened(pictures.turned(name))
    assert (decoded.width, decoded.height) == (20, 40)
    assert near(decoded.image, (10, 5), RED)
    assert near(decoded.image, (10, 35), BLUE)


def test_exif_does_not_turn_a_jpeg_xl() -> None:
    """Its codestream says how to show it, and the standard tells readers to ignore EXIF."""
    decoded = opened(pictures.turned("JXL"))
    assert (decoded.width, decoded.height) == (40, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_what_pillow_makes_upright(orientation: int) -> None:
    data = pictures.turned("PNG", orientation)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    assert np.array_equal(opened(data).image, upright)


def test_broken_metadata_does_not_refuse_the_picture() -> None:
    data = pictures.encoded(pictures.scene(3), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00")
    assert opened(data).image.size == (64, 48)


@pytest.mark.parametrize("broken", ["zTXt", "iTXt", "iCCP", "eXIf"])
def test_chunks_without_pixels_refuse_no_png(broken: str) -> None:
    scene = pictures.scene(2)
    decoded = opened(pictures.with_broken_chunk(pictures.encoded(scene, "PNG"), broken))
    assert np.array_equal(decoded.image, scene)


def test_a_progressive_jpeg_may_lack_its_end_but_no_pixels() -> None:
    whole = pictures.encoded(pictures.scene(2), "JPEG", progressive=True)
    decoded = opened(whole[:-2])
    assert pixels(decoded) == pixels(opened(whole))
    small = decode(whole[:-2], PIXELS_MAX, draft_side=20)
    assert small.image.size == (32, 24)
    for lost in (8, 40):
        with pytest.raises(TruncatedImage):
            opened(whole[:-lost])


def test_a_bigtiff_is_a_tiff() -> None:
    values = np.array([[0, 65535]], dtype="<u2")
    decoded = opened(pictures.grey_tiff(values, tiffs.BLACK_IS_ZERO, big=True))
    assert (decoded.format, decoded.image.getpixel((1, 0))) == ("TIFF", WHITE)


def test_a_tiff_of_an_unknown_kind_is_unsupported() -> None:
    size: dict[int, tiffs.Value]
    size = {tiffs.WIDTH: 4, tiffs.HEIGHT: 4, tiffs.ROWS: 4, tiffs.COMPRESSION: tiffs.NONE}
    chunky = {**size, tiffs.SAMPLES: 5, tiffs.BITS: (8,) * 5, tiffs.PLANAR: tiffs.CHUNKY}
    cmyk = {**chunky, tiffs.PHOTOMETRIC: tiffs.CMYK, tiffs.EXTRA_SAMPLES: 2}
    planes = {**size, tiffs.SAMPLES: 3, tiffs.BITS: (16,) * 3, tiffs.PLANAR: tiffs.PLANES}
    deep = {**planes, tiffs.PHOTOMETRIC: tiffs.RGB}
    for data in (tiffs.tiff(cmyk, bytes(80)), tiffs.tiff(deep, *[bytes(32)] * 3)):
        with pytest.raises(UnsupportedFormat):
            opened(data)
    cut_off = tiffs.tiff(cmyk, bytes(80)).replace(
        struct.pack("<HHII", tiffs.COUNTS, 4, 1, 80), struct.pack("<HHII", tiffs.COUNTS, 4, 1, 8000)
    )
    with pytest.raises(TruncatedImage):
        opened(cut_off)


def test_a_raw_file_is_its_preview() -> None:
    preview, mosaic = pictures.jpeg(3, (400, 320)), np.full((480, 600), 20_000, dtype=np.uint16)
    decoded = opened(tiffs.dng(preview, (400, 320), mosaic))
    assert (decoded.format, decoded.width, decoded.height) == ("DNG", 600, 480)
    assert pixels(decoded) == pixels(opened(preview))
    assert count_pixels(tiffs.dng(preview, (400, 320), mosaic), PIXELS_MAX) == 480 * 600


def test_a_raw_file_with_a_tiny_preview_is_developed() -> None:
    data = tiffs.dng(pictures.jpeg(), (64, 48), np.full((480, 600), 20_000, dtype=np.uint16))
    assert opened(data).image.size == (300, 240)
    with pytest.raises(TooManyPixels, match="600 x 480"):
        decode(data, 480 * 600 - 1)


def test_a_raw_file_cut_off_is_truncated() -> None:
    data = tiffs.dng(pictures.jpeg(), (64, 48), np.full((480, 600), 20_000, dtype=np.uint16))
    with pytest.raises(TruncatedImage):
        opened(data[:-1000] + data[-300:])


@pytest.mark.parametrize("head", [b"\0\0\0\x18ftyphevc\0\0\0\0hevcmif1", b"IIU\0\x18\0\0\0"])
def test_a_head_alone_is_truncated_or_unsupported(head: bytes) -> None:
    with pytest.raises((TruncatedImage, UnsupportedFormat)):
        opened(head)


def test_an_empty_file_is_empty() -> None:
    with pytest.raises(EmptyImage):
        opened(b"")


def test_text_is_no_picture() -> None:
    with pytest.raises(NotAnImage):
        opened(b"These are the words of a letter, whatever the file is called.\n")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_off_is_truncated(name: str, share: float) -> None:
    whole = pictures.encoded(pictures.scene(5), name)
    with pytest.raises(TruncatedImage):
        opened(whole[: int(len(whole) * share)])


def test_a_reason_tells_nothing_of_the_insides() -> None:
    with pytest.raises(TruncatedImage) as caught:
        opened(b"\xff\xd8\xff and then words")
    assert "0x" not in str(caught.value)


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    with pytest.raises(TooManyPixels, match="30000 x 30000"):
        decode(pictures.bomb_png(), 100_000_000)


def test_the_limit_is_the_settings_and_not_pillows() -> None:
    side = 14_000  # 196 million pixels, at which Pillow's own limit raises an error
    data = pictures.bomb_png(side)
    assert decode(data, side * side).width == side
    with pytest.raises(TooManyPixels):
        decode(data, side * side - 1)


def test_a_large_jpeg_counts_as_what_is_decoded_of_it() -> None:
    data = pictures.encoded(Image.new("RGB", (800, 600)), "JPEG")
    decoded = decode(data, 400 * 300, draft_side=300)
    assert (decoded.image.size, decoded.width, decoded.height) == ((400, 300), 800, 600)
    assert count_pixels(data, 400 * 300, draft_side=300) == 400 * 300
    with pytest.raises(TooManyPixels):
        decode(data, 400 * 300, draft_side=301)
    # libjpeg keeps all of a progressive one.
    progressive = pictures.encoded(Image.new("RGB", (800, 600)), "JPEG", progressive=True)
    with pytest.raises(TooManyPixels):
        decode(progressive, 400 * 300, draft_side=300)


def test_a_jpeg_that_is_wanted_in_full_is_halved_if_it_does_not_fit() -> None:
    data = pictures.encoded(Image.new("RGB", (801, 600)), "JPEG")
    assert decode(data, 801 * 600).image.size == (801, 600)
    halved = decode(data, 801 * 600 - 1)
    assert (halved.image.size, halved.width, halved.height) == ((401, 300), 801, 600)
    assert count_pixels(data, 401 * 300) == 401 * 300
    with pytest.raises(TooManyPixels, match="more than the limit of 480000"):
        decode(data, 400 * 300)


@pytest.mark.parametrize("name", ["JXL", "ICO", "HEIF", "AVIF", "JPEG2000", "PSD", "TGA", "PNM"])
def test_the_limit_comes_before_the_pixels_in_every_format(name: str) -> None:
    data = pictures.encoded(pictures.scene(1), name)
    assert decode(data, 64 * 48).width == 64
    with pytest.raises(TooManyPixels, match="64 x 48"):
        decode(data, 64 * 48 - 1)


@pytest.mark.parametrize("size", [(8, 8), (64, 48), (300, 200), (200, 300), (1, 700)])
def test_the_size_of_a_jpeg_xl_is_in_its_header(size: tuple[int, int]) -> None:
    data = pictures.encoded(Image.new("RGB", size), "JXL")
    assert jxl_header.size_of(data) == size
    boxed = b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I4s", len(data) + 8, b"jxlc") + data
    parts = struct.pack(">I4sI", 16, b"jxlp", 0) + data[:4]
    parts += struct.pack(">I4sI", len(data) + 8, b"jxlp", 1 << 31 | 1) + data[4:]
    assert jxl_header.size_of(boxed) == size
    assert jxl_header.size_of(boxed[:12] + parts) == size


def test_the_header_alone_tells_how_many_pixels_there_are() -> None:
    assert count_pixels(pictures.bomb_png(), 900_000_000) == 900_000_000
    assert count_pixels(pictures.turned("JPEG"), PIXELS_MAX) == 20 * 40
    with pytest.raises(TooManyPixels):
        count_pixels(pictures.bomb_png(), 100_000_000)
    with pytest.raises(NotAnImage):
        count_pixels(b"words", PIXELS_MAX)


@pytest.mark.parametrize(
    ("name", "options", "megabytes"),
    [
        ("PNG", {}, 5),
        ("JPEG", {}, 5),
        # The pixels fit, but libjpeg's working memory does not; libjpeg then reports a damaged
        # picture.
        ("JPEG", {"progressive": True, "subsampling": 0}, 45),
    ],
)
def test_a_lack_of_memory_is_no_fault_of_the_picture(
    name: str, options: dict[str, object], megabytes: int
) -> None:
    program = f"""
import resource, sys
from worker.decoding.decode import decode

data = sys.stdin.buffer.read()
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + {megabytes} * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    decode(data, 10**9)
except MemoryError as error:
    print(error)
"""
    data = pictures.encoded(Image.new("RGB", (4000, 2500)), name, **options)
    done = subprocess.run([sys.executable, "-c", program], input=data, check=True, stdout=-1)
    assert done.stdout == b"There is not enough memory to decode the picture.\n"


@pytest.mark.parametrize("name", FORMATS)
def test_damage_opens_or_fails_as_an_image_error(name: str) -> None:
    whole = pictures.encoded(pictures.scene(6), name)
    dice = np.random.RandomState(7)
    failed = 0
    for _ in range(150):
        try:
            opened(_damaged(whole, dice))
        except ImageError:
            failed += 1
    assert failed > 0


def _damaged(whole: bytes, dice: np.random.RandomState) -> bytes:
    """Flip up to eight bits, most of them in the header."""
    data = bytearray(whole)
    for _ in range(dice.randint(1, 9)):
        end = len(data) if dice.rand() < 0.5 else min(64, len(data))
        data[dice.randint(end)] ^= 1 << dice.randint(8)
    return bytes(data)


@settings(max_examples=200, deadline=None)
@given(
    head=st.sampled_from(
        [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00", b""]
    ),
    tail=st.binary(max_size=200),
)
def test_bytes_of_no_picture_are_an_image_error(head: bytes, tail: bytes) -> None:
    with pytest.raises(ImageError):
        opened(head + tail)


def test_pillows_warnings_stay_inside() -> None:
    program = (
        "import sys; from worker.decoding.decode import decode; "
        "decode(sys.stdin.buffer.read(), 10**6)"
    )
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05" + bytes(12)
    data = pictures.encoded(pictures.scene(8), "JPEG", exif=exif)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], input=data, check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
