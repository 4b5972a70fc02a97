"""What can be uploaded: files, or bytes in memory with a name."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

from glimpse_client.bodies import FileBody

Bytes = bytes | bytearray | memoryview
# A path; or a filename with a path or bytes.
Source = str | os.PathLike[str] | tuple[str, Bytes | str | os.PathLike[str]]

# Media types of archives by suffix.
_ARCHIVES = {
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
    ".tar.xz": "application/x-xz",
    ".txz": "application/x-xz",
    ".tar.bz2": "application/x-bzip2",
    ".tbz2": "application/x-bzip2",
    ".tbz": "application/x-bzip2",
    ".tar.zst": "application/zstd",
    ".tzst": "application/zstd",
    # Servers refuse these by name.
    ".rar": "application/vnd.rar",
    ".7z": "application/x-7z-compressed",
}


def open_source(source: Source) -> tuple[str, IO[bytes]]:
    """Return a source's filename and a seekable file of its bytes.

    Raises:
        TypeError: It is another kind of object.
    """
    name, content = source if isinstance(source, tuple) else (None, source)
    if isinstance(content, str | os.PathLike):
        path = Path(content)
        # httpx declares IO[bytes] but only reads and seeks.
        return _utf8(path.name if name is None else name), cast("IO[bytes]", FileBody(path))
    if name is not None and isinstance(content, Bytes):
        return _utf8(name), io.BytesIO(content)
    raise TypeError(
        "give a path, or a pair of a filename and a path or bytes, such as read() returns;"
        f" not {type(content).__name__}"
    )


def several(sources: Source | Sequence[Source]) -> Sequence[Source]:
    """Return sources as a sequence; one source alone is one of them."""
    if isinstance(sources, str | os.PathLike) or _is_named(sources):
        return [cast("Source", sources)]
    return cast("Sequence[Source]", sources)


def _is_named(source: object) -> bool:
    """Return whether this is a filename with its content in bytes, rather than two paths."""
    return isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], Bytes)


def archive_type(name: str) -> str | None:
    """Return the media type for an archive's filename, or None if it is not an archive's."""
    lower = name.lower()
    return next((kind for end, kind in _ARCHIVES.items() if lower.endswith(end)), None)


def _utf8(name: str | os.PathLike[str]) -> str:
    """Return a file's name as valid UTF-8, which a name on disk need not be."""
    # Not by the file system's encoding: a name given in Python need not have one in it.
    return os.fspath(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
