"""Decoding: unusual pictures look right, and invalid ones fail with their error code."""

from __future__ import annotations

import io
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
from common.images.decode import Decoded, count_pixels, decode
from common.images.formats import MEDIA_TYPES
from tests.support import pictures

# More pixels than any test picture has, except the bomb.
PIXELS_MAX = 1_000_000

FORMATS = sorted(MEDIA_TYPES)

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def opened(data: bytes) -> Decoded:
    return decode(data, PIXELS_MAX)


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


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_quarter_turn_is_undone(name: str) -> None:
    decoded = opened(pictures.turned(name))
    assert (decoded.width, decoded.height) == (20, 40)
    assert near(decoded.image, (10, 5), RED)
    assert near(decoded.image, (10, 35), BLUE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_what_pillow_makes_upright(orientation: int) -> None:
    data = pictures.turned("PNG", orientation)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    assert np.array_equal(opened(data).image, upright)


def test_broken_metadata_does_not_refuse_the_picture() -> None:
    data = pictures.encoded(pictures.scene(3), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00")
    assert opened(data).image.size == (64, 48)


def test_an_empty_file_is_empty() -> None:
    with pytest.raises(EmptyImage):
        opened(b"")


def test_text_is_no_picture() -> None:
    with pytest.raises(NotAnImage):
        opened(b"These are the words of a letter, whatever the file is called.\n")


@pytest.mark.parametrize("name", ["AVIF", "ICO", "JPEG2000"])
def test_a_format_that_is_not_opened_is_named_so(name: str) -> None:
    with pytest.raises(UnsupportedFormat):
        opened(pictures.encoded(pictures.scene(4), name))


def test_colours_that_cannot_be_turned_into_rgb_are_unsupported() -> None:
    with pytest.raises(UnsupportedFormat):
        opened(pictures.encoded(Image.new("LAB", (3, 3)), "TIFF"))


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
from common.images.decode import decode

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
        "import sys; from common.images.decode import decode; "
        "decode(sys.stdin.buffer.read(), 10**6)"
    )
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05" + bytes(12)
    data = pictures.encoded(pictures.scene(8), "JPEG", exif=exif)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], input=data, check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
