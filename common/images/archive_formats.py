"""Archive formats, told by the first bytes of a file and never by its name."""

from __future__ import annotations

import tarfile
from typing import Literal

from common.errors import ArchiveUnsupported, EmptyArchive

# A gzip file is taken for a tar that was compressed; whether it is, is seen when it is unpacked.
ArchiveKind = Literal["zip", "tar", "gzip"]

# Bytes of a file's head that are enough to tell its kind: one block of a tar.
ARCHIVE_HEAD_BYTES = 512

# Media types that say "archive", by kind. The first of each is the registered or usual one, the
# others are what browsers and desktops send besides.
MEDIA_TYPES: dict[ArchiveKind, tuple[str, ...]] = {
    "zip": ("application/zip", "application/x-zip-compressed"),
    "tar": ("application/x-tar", "application/x-gtar"),
    "gzip": ("application/gzip", "application/x-gzip", "application/x-compressed-tar"),
}

# All of them: a body of one of these is an archive, and its bytes say of which kind.
ARCHIVE_MEDIA_TYPES = frozenset(name for names in MEDIA_TYPES.values() for name in names)

# First bytes of what is read; a zip without members begins with its end, a split one with a mark.
_SIGNATURES: tuple[tuple[bytes, ArchiveKind], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gzip"),
)

# First bytes of archives that Glimpse knows and does not read.
_FOREIGN_SIGNATURES = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
)


def sniff_archive(head: bytes) -> ArchiveKind:
    """Tell the kind of an archive from the first ``ARCHIVE_HEAD_BYTES`` of its file.

    Raises:
        EmptyArchive: There are no bytes, or they are a tar without members.
        ArchiveUnsupported: The bytes are no archive, or of a kind that Glimpse does not read.
    """
    if not head:
        raise EmptyArchive("The archive has no bytes.")
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if len(head) >= ARCHIVE_HEAD_BYTES and not any(head):
        raise EmptyArchive("The tar archive has no members; pack some pictures into it.")
    if _begins_a_tar(head):
        return "tar"
    raise _refusal(head)


def _begins_a_tar(head: bytes) -> bool:
    # Old tars carry no magic number, but the header of every tar carries its checksum.
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def _refusal(head: bytes) -> ArchiveUnsupported:
    for signature, name in _FOREIGN_SIGNATURES:
        if head.startswith(signature):
            return ArchiveUnsupported(f"{name} is not read; pack the pictures as zip or tar.gz.")
    return ArchiveUnsupported("The bytes are no archive; send a zip, a tar or a tar.gz.")
