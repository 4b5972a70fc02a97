"""File names as callers give them: what they promise, and made fit to be shown."""

from __future__ import annotations

import posixpath
import re

# Ends of names by which a file is taken for a picture before anyone looks into it.
PICTURE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)

# Characters of a file name that are kept.
FILENAME_CHARACTERS_MAX = 1024

# Characters that would break a log line or a header, or turn the text around it.
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def names_a_picture(filename: str) -> bool:
    """Tell whether a name ends as the names of pictures do; a hidden file's does not."""
    return posixpath.splitext(filename)[1].lower() in PICTURE_SUFFIXES


def clean_filename(filename: str) -> str:
    """Return a file name fit to be shown: a path stays one, control characters go."""
    return _UNSAFE.sub("", filename).strip()[:FILENAME_CHARACTERS_MAX]
