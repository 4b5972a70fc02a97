"""Texts in metadata: decoded, cleaned and cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from charset_normalizer import from_bytes

from common.images.photo_info import (
    DESCRIPTION_CHARACTERS_MAX,
    KEYWORD_CHARACTERS_MAX,
    KEYWORDS_MAX,
    NAME_CHARACTERS_MAX,
)

# Bytes of a text that are decoded: more than its longest form in UTF-8 has.
TEXT_BYTES_MAX = 8 * DESCRIPTION_CHARACTERS_MAX
# Characters of a text that are cleaned.
_CHARACTERS_MAX = 4 * DESCRIPTION_CHARACTERS_MAX
# A Western text: accented letters stand alone or in twos, and are half of it at most.
_WESTERN = re.compile(rb"(?:[\0-\x7f]*[\xa0-\xff]{1,2}(?![\x80-\xff]))*[\0-\x7f]*")
_WESTERN_SHARE = 0.5
# Encodings of Western texts, and of others that declare none, besides UTF-8.
_LATIN, _OTHERS = "cp1252", ("cp932", "gb18030", "big5", "euc_kr", "cp1251")
# Bytes of a text from which its encoding is guessed, and the maximum share of unlikely characters.
_SAMPLE_BYTES, _CHAOS_MAX = 512, 0.5

# What programs write if they have nothing to say: blanks, dashes, and question marks instead of
# characters that their encoding lacks.
_NOTHING = re.compile(r"[\s?._:;,/\\*0-]*|(?i:none|null|undefined|unknown|untitled|default)")
# Characters that have no place in a text: controls other than a line break, surrogates, characters
# without a meaning, and those that reverse the direction of what follows.
_DROPPED = frozenset({"Cc", "Cs", "Cn", "Co"})
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ufffd]")
_LINE_BREAKS = re.compile("\r\n?|\v|\f|\x85|\u2028|\u2029")


def decode_text(data: bytes, sample: bytes | None = None) -> str:
    """Decode a text of an unknown encoding, up to its first NUL.

    Args:
        data: The text.
        sample: Texts of the same encoding, for the guess; None means only this one.
    """
    known = decode_utf8(data)
    if known is not None:
        return known
    data = _bounded(data)
    return data.decode(_guess((data if sample is None else sample)[:_SAMPLE_BYTES]), "replace")


@lru_cache(256)
def _guess(sample: bytes) -> str:
    accented = sum(byte >= 0x80 for byte in sample)
    if accented <= len(sample) * _WESTERN_SHARE and _WESTERN.fullmatch(sample):
        return _LATIN
    best = from_bytes(sample, cp_isolation=list(_OTHERS), threshold=_CHAOS_MAX).best()
    return best.encoding if best else _LATIN


def decode_utf8(data: bytes) -> str | None:
    """Decode a text in ASCII or UTF-8, up to its first NUL; None if it is in another encoding."""
    data = _bounded(data)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        # The cut may have split a character.
        is_cut = len(data) == TEXT_BYTES_MAX and error.end == len(data)
        return data[: error.start].decode() if is_cut else None


def _bounded(data: bytes) -> bytes:
    return data[:TEXT_BYTES_MAX].partition(b"\0")[0]


def clean_description(text: str | None) -> str | None:
    """Return a description without what does not belong into a text; None if nothing is left."""
    return _clean(text, DESCRIPTION_CHARACTERS_MAX)


def clean_name(text: str | None) -> str | None:
    """Return the name of a thing, in one line; None if nothing is left."""
    return _clean(" ".join((text or "")[:_CHARACTERS_MAX].split()), NAME_CHARACTERS_MAX)


def clean_keywords(texts: Iterable[str]) -> list[str]:
    """Return keywords, each in one line, without those that differ by case alone."""
    found: dict[str, str] = {}
    for text in texts:
        line = " ".join(text[:_CHARACTERS_MAX].split())
        keyword = _clean(line, KEYWORD_CHARACTERS_MAX)
        if keyword:
            found.setdefault(keyword.casefold(), keyword)
        if len(found) == KEYWORDS_MAX:
            break
    return list(found.values())


def _clean(text: str | None, characters_max: int) -> str | None:
    if not text:
        return None
    text = _LINE_BREAKS.sub("\n", _DIRECTIONS.sub("", text[:_CHARACTERS_MAX])).replace("\t", " ")
    if not text.isascii() or not text.isprintable():
        text = "".join(
            character
            for character in unicodedata.normalize("NFC", text)
            if character == "\n" or unicodedata.category(character) not in _DROPPED
        )
    text = text.strip()[:characters_max].rstrip()
    return None if _NOTHING.fullmatch(text) else text
