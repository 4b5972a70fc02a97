"""Colours: from the values of any file to 8 bits of sRGB, as a person would see them."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms, ImageStat

from common.errors import UnsupportedFormat

# Modes with one channel deeper than 8 bits: Pillow's conversion to RGB clips them at 255.
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})

# Modes with an alpha channel, whether or not the file declares transparency.
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})

# White in files of 10, 12, 14 and 16 bits, which all store 16.
_WHITES = (1023, 4095, 16383, 65535)

# Colour spaces of ICC profiles by the modes of the pictures that they describe.
_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY"}
# Larger profiles are ignored. They are kept, with what was computed from them.
_PROFILE_BYTES_MAX, _PROFILES_KEPT = 4 << 20, 16

# Transparent pictures are laid on white, or on black if their visible pixels are brighter than
# this on average, of 255: a white logo on white would be blank.
_BRIGHT = 200

# Colours that tell whether a profile is sRGB, and by how much of 255 its conversion may differ.
_SAMPLES = np.mgrid[0:256:51, 0:256:51, 0:256:51].T.reshape(6, 36, 3).astype(np.uint8)
_NEAR = 2

_SRGB = ImageCms.createProfile("sRGB")


def to_srgb(image: Image.Image, *, white_is_zero: bool = False) -> Image.Image:
    """Return a picture as RGB, on a ground that contrasts where it is transparent.

    Args:
        image: The picture; its colours are those of its ICC profile, if it has one.
        white_is_zero: Whether the values of a deep grey picture fall with its brightness.

    Raises:
        UnsupportedFormat: There is no conversion from its colours.
    """
    if image.mode in _DEEP_MODES:
        shallow = _shallow(image, white_is_zero)
        return _on_ground(shallow) if shallow.mode == "LA" else shallow.convert("RGB")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return _on_ground(image)
    return _from_profile(image)


def _from_profile(image: Image.Image) -> Image.Image:
    """Convert an opaque picture to sRGB."""
    if image.mode == "LAB":
        return _converted(image, _lab())
    if image.mode not in _SPACES and image.mode not in ("1", "P", "YCbCr"):
        raise UnsupportedFormat(
            f"{image.mode} colours are not supported. Convert the picture to RGB and send it again."
        )
    plain = image if image.mode in _SPACES else image.convert("RGB")
    profile = image.info.get("icc_profile")
    if profile and len(profile) <= _PROFILE_BYTES_MAX:
        transform = _transform(profile, plain.mode)
        if transform is not None:
            return _converted(plain, transform)
    # Converting RGB to RGB would only copy the picture.
    return plain if plain.mode == "RGB" else plain.convert("RGB")


def _converted(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    # It returns None only if it converts in place.
    return cast("Image.Image", ImageCms.applyTransform(image, transform))


def _changes_little(transform: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a conversion is of sRGB itself, as most are, whatever the profile's name."""
    samples = Image.fromarray(_SAMPLES)
    difference = ImageChops.difference(samples, _converted(samples, transform))
    return max(most for _, most in cast("list[tuple[int, int]]", difference.getextrema())) <= _NEAR


@lru_cache(_PROFILES_KEPT)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion from a profile to sRGB; None if it is sRGB, unusable or unfitting."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space != _SPACES[mode]:
            return None
        transform = _to_srgb(opened, mode)
        return None if mode == "RGB" and _changes_little(transform) else transform
    except (ImageCms.PyCMSError, OSError):
        # A broken profile is no reason to reject a picture.
        return None


@lru_cache(1)
def _lab() -> ImageCms.ImageCmsTransform:
    return _to_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _to_srgb(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(profile, _SRGB, mode, "RGB", intent)


def _shallow(image: Image.Image, white_is_zero: bool) -> Image.Image:
    """Scale a channel of 16 or 32 bits to 8, keeping the relative brightness."""
    values = np.asarray(image)
    finite = values[np.isfinite(values)] if image.mode == "F" else values
    low, high = _range(finite)
    step = (high - low) / 255 or 1
    # No value, as NaN stands for it, is black; infinities are beyond both ends.
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / step
    grey = (scaled + 0.5).astype(np.uint8)
    shallow = Image.fromarray(255 - grey if white_is_zero else grey)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        shallow.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return shallow


def _range(values: NDArray[Any]) -> tuple[float, float]:
    """Return the values to map to black and to white."""
    if not values.size:
        return 0.0, 0.0
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "iu" and low >= 0 and high <= _WHITES[-1]:
        return 0.0, float(next(white for white in _WHITES if high <= white))
    return low, high


def _on_ground(image: Image.Image) -> Image.Image:
    colours = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = colours.getchannel("A")
    # The profile describes the colours, not their transparency.
    opaque = Image.merge("RGB", colours.split()[:3])
    if image.mode.startswith("RGB"):
        opaque.info = {"icc_profile": image.info.get("icc_profile")}
        opaque = _from_profile(opaque)
    page = Image.new("RGB", image.size, _ground(opaque, alpha))
    page.paste(opaque, mask=alpha)
    return page


def _ground(opaque: Image.Image, alpha: Image.Image) -> str:
    """Return white, the usual ground of a page, unless the visible pixels are bright."""
    least, most = alpha.getextrema()
    if least == 255 or not most:
        return "white"
    (brightness,) = ImageStat.Stat(opaque.convert("L"), alpha).mean
    return "black" if brightness > _BRIGHT else "white"
