"""Fonts of captions: each draws what it has glyphs for; the rest is transliterated or left out."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from anyascii import anyascii
from PIL import ImageFont, features

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# The first of these that the system has draws captions: Latin, Greek, Cyrillic, Hebrew, Arabic.
# Otherwise Pillow's own font does, which has little more than ASCII.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf")

# A code point without a character: fonts draw their box for it.
_NO_CHARACTER = "\uffff"

# Categories of characters that are not drawn, or only on the character before them; fonts refuse
# to draw line and paragraph separators.
_UNDRAWN = frozenset({"Cc", "Cf", "Cs", "Mn", "Me", "Zl", "Zp"})
# Category of the vowels of Indic scripts, which are drawn around a consonant: fonts that lack the
# script draw a circle and a box for one.
_SPACING_MARK = "Mc"


@lru_cache(maxsize=16)
def caption_font(pixels: int) -> Font:
    """Return the font of captions, in a height."""
    for name in _SYSTEM_FONTS:
        try:
            return ImageFont.truetype(name, pixels)
        except OSError:
            continue
    return ImageFont.load_default(pixels)


def drawable(text: str, font: Font) -> str:
    """Return a text in characters that a font has: others are transliterated, or left out."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(_drawn(character, font) for character in composed).strip()


@lru_cache(maxsize=4096)
def _drawn(character: str, font: Font) -> str:
    category = unicodedata.category(character)
    if category in _UNDRAWN:
        return ""
    if category != _SPACING_MARK and _has(character, font):
        return character
    return anyascii(character)


def _has(character: str, font: Font) -> bool:
    if character.isascii():
        return True
    # Without Raqm, Pillow draws scripts from the left, each letter on its own.
    if unicodedata.bidirectional(character) in {"R", "AL"} and not features.check("raqm"):
        return False
    return _glyph(character, font) != _glyph(_NO_CHARACTER, font)


def _glyph(character: str, font: Font) -> tuple[object, bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
