"""Names in archives: cleans them, and tells by them what a file is not."""

from __future__ import annotations

import posixpath
import re

from common.images.filenames import PICTURE_SUFFIXES, SYSTEM_FOLDERS, clean_filename

# A Windows drive letter at the start of a path, or several in a malicious one.
_DRIVE = re.compile(r"^(?:\s*[A-Za-z]:)+")

# Suffixes of text sidecars, as in WebDataset. Their contents may look like the start of an
# unsupported picture format ("P1 ", "<svg"), so the suffix decides.
_TEXT_SUFFIXES = frozenset(
    {".cls", ".csv", ".htm", ".html", ".json", ".jsonl", ".md", ".txt", ".xml", ".yaml", ".yml"}
)

# Suffixes of documents and programs that are zips; pictures in them are parts of the document.
_PACKED_SUFFIXES = frozenset(
    {
        *(".docm", ".docx", ".epub", ".key", ".kmz", ".numbers", ".odp", ".ods", ".odt"),
        *(".pages", ".pptm", ".pptx", ".vsdx", ".xlsm", ".xlsx"),
        *(".apk", ".crx", ".ipa", ".jar", ".nupkg", ".war", ".whl", ".xpi"),
    }
)


def label(name: str) -> str:
    """Return the name of an entry as a clean relative path; may be empty.

    The path is displayed, never opened, but still cannot leave its folder: it has no
    drive, no root and no ``..``. Invalid characters are removed first, since they may
    hide dots.
    """
    parts = [_DRIVE.sub("", part) for part in re.split(r"[/\\]", clean_filename(name))]
    return "/".join(part for part in parts if part.strip() not in {"", ".", ".."}).strip()


def skipped_folder(label: str) -> str | None:
    """Return the folder of a system in which a file is, as "NAME/", or None."""
    return next((f"{part}/" for part in label.split("/") if part in SYSTEM_FOLDERS), None)


def is_hidden(label: str) -> bool:
    """Return whether a file is hidden, or in a hidden folder.

    One that is named ``.jpg`` is not: in a name whose encoding was not told, a byte of
    a character may look like a separator of folders.
    """
    *folders, name = label.split("/")
    is_named = name.startswith(".") and name.lower() not in PICTURE_SUFFIXES
    return is_named or any(folder.startswith(".") for folder in folders)


def is_text(label: str) -> bool:
    """Return whether the name has the suffix of a text sidecar."""
    return suffix(label) in _TEXT_SUFFIXES


def is_packed_document(label: str) -> bool:
    """Return whether the name is that of a document or a program that is stored as a zip."""
    return suffix(label) in _PACKED_SUFFIXES


def suffix(label: str) -> str:
    """Return a name's suffix in lower case, with its dot; empty if there is none."""
    return posixpath.splitext(label)[1].lower()
