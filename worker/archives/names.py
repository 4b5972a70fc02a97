"""Names in archives: cleans them, and classifies files by them."""

from __future__ import annotations

import posixpath
import re

from common.images.filenames import clean_filename

# A Windows drive letter at the start of a path, or several in a malicious one.
_DRIVE = re.compile(r"^(?:\s*[A-Za-z]:)+")

# Folder in which macOS packs metadata of every file.
_MAC_FOLDER = "__MACOSX"

# Suffixes of text sidecars, as in WebDataset. Their contents may look like the start of an
# unsupported picture format ("P1 ", "<svg"), so the suffix decides.
_TEXT_SUFFIXES = frozenset(
    {".cls", ".csv", ".htm", ".html", ".json", ".jsonl", ".md", ".txt", ".xml", ".yaml", ".yml"}
)


def label(name: str) -> str:
    """Return the name of an entry as a clean relative path; may be empty.

    The path is displayed, never opened, but still cannot leave its folder: it has no
    drive, no root and no ``..``. Invalid characters are removed first, since they may
    hide dots.
    """
    parts = [_DRIVE.sub("", part) for part in re.split(r"[/\\]", clean_filename(name))]
    return "/".join(part for part in parts if part.strip() not in {"", ".", ".."}).strip()


def is_hidden(label: str) -> bool:
    """Return whether a file is hidden or is macOS's metadata."""
    return any(part.startswith(".") or part == _MAC_FOLDER for part in label.split("/"))


def is_text(label: str) -> bool:
    """Return whether the name has the suffix of a text sidecar."""
    return posixpath.splitext(label)[1].lower() in _TEXT_SUFFIXES
