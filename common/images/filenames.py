"""File names as callers send them: picture suffixes, and removal of unsafe characters."""

from __future__ import annotations

import posixpath
import re

# Suffixes of files that are presumed to be pictures before they are opened.
PICTURE_SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".ico", ".j2k", ".jfif", ".jp2"),
        *(".jpe", ".jpeg", ".jpg", ".jpx", ".jxl", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
        *(".psd", ".tga", ".tif", ".tiff", ".webp"),
        # Of cameras' raw files.
        *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
    }
)

# Folders in which systems keep thumbnails, metadata and deleted files.
SYSTEM_FOLDERS = frozenset(
    {
        *("@eaDir", "#recycle", "@Recycle", "@Recently-Snapshot", "#snapshot"),
        *("$RECYCLE.BIN", "System Volume Information", "lost+found", "__MACOSX"),
    }
)

# Maximum length of a stored file name, in characters; of a longer one, the end is kept.
FILENAME_CHARACTERS_MAX = 1024

# Characters that would break a log line or a header, or change the direction of text.
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def names_a_picture(filename: str) -> bool:
    """Return whether a name has a picture's suffix; a hidden file such as ``.jpg`` has none."""
    return posixpath.splitext(filename)[1].lower() in PICTURE_SUFFIXES


def clean_filename(filename: str) -> str:
    """Return a file name that is safe to display: its path, without control characters."""
    return _UNSAFE.sub("", filename).strip()[-FILENAME_CHARACTERS_MAX:]
