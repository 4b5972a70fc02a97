"""Archive formats, detected from the first bytes of a file, never from its name."""

from __future__ import annotations

import tarfile
from typing import Literal

from common.errors import ArchiveUnsupported, EmptyArchive

# A gzip file is assumed to contain a tar; unpacking it checks that.
ArchiveKind = Literal["zip", "tar", "gzip"]

# Number of leading bytes needed to detect the format: one block of a tar.
ARCHIVE_HEAD_BYTES = 512

# Media types of archives, by kind. The first of each is the registered or usual one; browsers and
# desktops also send the others.
MEDIA_TYPES: dict[ArchiveKind, tuple[str, ...]] = {
    "zip": ("application/zip", "application/x-zip-compressed"),
    "tar": ("application/x-tar", "application/x-gtar"),
    "gzip": ("application/gzip", "application/x-gzip", "application/x-compressed-tar"),
}

# A body with one of these media types is an archive; its bytes determine the kind.
ARCHIVE_MEDIA_TYPES = frozenset(name for names in MEDIA_TYPES.values() for name in names)

# Signatures of supported archives. A zip without entries begins with its end-of-central-directory
# record, a split one with a marker.
_SIGNATURES: tuple[tuple[bytes, ArchiveKind], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gzip"),
)

# Signatures of archives that Glimpse recognizes and does not support.
_FOREIGN_SIGNATURES = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
)


def sniff_archive(head: bytes) -> ArchiveKind:
    """Detect the kind of an archive from the first ``ARCHIVE_HEAD_BYTES`` of its file.

    Raises:
        EmptyArchive: The file has no bytes, or is a tar without entries.
        ArchiveUnsupported: The bytes are not an archive in a supported format.
    """
    if not head:
        raise EmptyArchive("The archive has no bytes. Check the file and send it again.")
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if len(head) >= ARCHIVE_HEAD_BYTES and not any(head):
        raise EmptyArchive("The tar archive is empty. Send an archive that contains pictures.")
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
            return ArchiveUnsupported(
                f"{name} archives are not supported. Send the pictures as zip, tar or tar.gz."
            )
    return ArchiveUnsupported("The file is not an archive. Send a zip, tar or tar.gz.")
