"""What can be uploaded: files, or bytes in memory with a name."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, cast

from glimpse_client.bodies import FileBody

# A path; or a filename with a path or bytes.
Source = str | os.PathLike[str] | tuple[str, bytes | str | os.PathLike[str]]

# Media types of archives by suffix.
_ARCHIVES = {
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
}


def open_source(source: Source) -> tuple[str, IO[bytes]]:
    """Return a source's filename and a seekable file of its bytes."""
    name, content = source if isinstance(source, tuple) else (_name_of(source), source)
    if isinstance(content, bytes):
        return name, io.BytesIO(content)
    # httpx declares IO[bytes] but only reads and seeks.
    return name, cast("IO[bytes]", FileBody(Path(content)))


def archive_type(name: str) -> str | None:
    """Return the media type for an archive's filename, or None if it is not an archive's."""
    lower = name.lower()
    return next((kind for end, kind in _ARCHIVES.items() if lower.endswith(end)), None)


def _name_of(path: str | os.PathLike[str]) -> str:
    """Return a file's name as valid UTF-8, which a name on disk need not be."""
    return os.fsencode(Path(path).name).decode(errors="replace")
