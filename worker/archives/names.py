"""Names in archives: made labels, and asked what they promise."""

from __future__ import annotations

import posixpath
import re

from common.images.filenames import clean_filename

# What Windows puts before a path: a drive's letter, or several of them by a joker.
_DRIVE = re.compile(r"^(?:\s*[A-Za-z]:)+")

# Folder of the metadata that macOS packs beside every file.
_MAC_FOLDER = "__MACOSX"

# Ends of names of the texts that lie beside pictures, as in WebDataset. Their words may begin as
# a picture that Glimpse does not open begins ("P1 ", "<svg"), so they are taken at their word.
_TEXT_SUFFIXES = frozenset(
    {".cls", ".csv", ".htm", ".html", ".json", ".jsonl", ".md", ".txt", ".xml", ".yaml", ".yml"}
)


def label(name: str) -> str:
    """Return the name of an entry as a clean relative path; it may be empty.

    It is shown and never opened, and yet it can leave no folder: no drive, no
    root, no ``..``. Characters are dropped first, since they may hide dots.
    """
    parts = [_DRIVE.sub("", part) for part in re.split(r"[/\\]", clean_filename(name))]
    return "/".join(part for part in parts if part.strip() not in {"", ".", ".."}).strip()


def is_hidden(label: str) -> bool:
    """Tell what a system or a program keeps for itself: hidden files, macOS's metadata."""
    return any(part.startswith(".") or part == _MAC_FOLDER for part in label.split("/"))


def is_text(label: str) -> bool:
    """Tell whether the name says that this is a text beside a picture."""
    return posixpath.splitext(label)[1].lower() in _TEXT_SUFFIXES
