"""What a caller gives to be sent: files, or bytes in memory with a name."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, cast

from glimpse_client.bodies import FileBody

# A file; or a name to keep it under, with the file or its bytes.
Source = str | os.PathLike[str] | tuple[str, bytes | str | os.PathLike[str]]

# Media type of an archive, by the end of its name.
_ARCHIVES = {
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
}


def open_source(source: Source) -> tuple[str, IO[bytes]]:
    """Return a source's name, and its bytes, which may be read again from the start."""
    name, content = source if isinstance(source, tuple) else (_name_of(source), source)
    if isinstance(content, bytes):
        return name, io.BytesIO(content)
    # It is read like a file, and opened when it is read.
    return name, cast("IO[bytes]", FileBody(Path(content)))


def archive_type(name: str) -> str | None:
    """Return the media type of an archive by its name; None where it names none."""
    lower = name.lower()
    return next((kind for end, kind in _ARCHIVES.items() if lower.endswith(end)), None)


def _name_of(path: str | os.PathLike[str]) -> str:
    """Return a file's name, fit for the wire: on disk it may be no UTF-8."""
    return os.fsencode(Path(path).name).decode(errors="replace")
