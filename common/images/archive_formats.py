"""Archive formats, detected from the first bytes of a file, never from its name."""

from __future__ import annotations

import tarfile
from typing import Literal

from common.errors import ArchiveUnsupported, EmptyArchive

# A compressed file is assumed to contain a tar; unpacking it checks that.
ArchiveKind = Literal["zip", "tar", "gzip", "xz", "bzip2", "zstd"]

# Number of leading bytes needed to detect the format: one block of a tar.
ARCHIVE_HEAD_BYTES = 512

# Number of trailing bytes needed to detect a zip that follows other bytes, such as a program that
# unpacks it: a zip ends with a record of 22 bytes and a comment.
ARCHIVE_TAIL_BYTES = 22 + 0xFFFF
_ZIP_END = b"PK\x05\x06"

# Media types of archives, by kind. The first of each is the registered or usual one; browsers and
# desktops also send the others.
MEDIA_TYPES: dict[ArchiveKind, tuple[str, ...]] = {
    "zip": ("application/zip", "application/x-zip-compressed"),
    "tar": ("application/x-tar", "application/x-gtar"),
    "gzip": ("application/gzip", "application/x-gzip", "application/x-compressed-tar"),
    "xz": ("application/x-xz", "application/x-xz-compressed-tar"),
    "bzip2": (
        "application/x-bzip2",
        "application/x-bzip",
        "application/x-bzip2-compressed-tar",
        "application/x-bzip-compressed-tar",
    ),
    "zstd": ("application/zstd", "application/x-zstd-compressed-tar"),
}

# Of archives that are received only to be refused by name.
_FOREIGN_MEDIA_TYPES = (
    *("application/vnd.rar", "application/x-rar", "application/x-rar-compressed"),
    "application/x-7z-compressed",
)

# A body with one of these media types is an archive; its bytes determine the kind.
ARCHIVE_MEDIA_TYPES = frozenset(
    {*(name for names in MEDIA_TYPES.values() for name in names), *_FOREIGN_MEDIA_TYPES}
)

# Signatures of supported archives. A zip without entries begins with its end-of-central-directory
# record, a split one with a marker; parallel programs begin zstd with a frame to skip.
SIGNATURES: tuple[tuple[bytes, ArchiveKind], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    *((bytes([0x50 + number]) + b"\x2a\x4d\x18", "zstd") for number in range(16)),
)

# Signatures of archives that Glimpse recognizes and does not support.
_FOREIGN_SIGNATURES = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"LZIP", "lzip"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"\x1f\x9d", "compress"),
    (b"MSCF", "CAB"),
)

# The kinds that are read, as in messages.
_READ = "zip, tar, tar.gz, tar.xz, tar.bz2 or tar.zst"


def sniff_archive(head: bytes) -> ArchiveKind:
    """Detect the kind of an archive from the first ``ARCHIVE_HEAD_BYTES`` of its file.

    Raises:
        EmptyArchive: The file has no bytes, or is a tar without entries.
        ArchiveUnsupported: The bytes are not an archive in a supported format.
    """
    if not head:
        raise EmptyArchive("The archive has no bytes. Check the file and send it again.")
    if len(head) >= ARCHIVE_HEAD_BYTES and not any(head):
        raise EmptyArchive("The tar archive is empty. Send an archive that contains pictures.")
    kind = begins_an_archive(head)
    if kind is None:
        raise _refusal(head)
    return kind


def begins_an_archive(head: bytes) -> ArchiveKind | None:
    """Return the kind of a supported archive that begins with these bytes, or None."""
    if _begins_a_tar(head):
        return "tar"
    return next((kind for signature, kind in SIGNATURES if head.startswith(signature)), None)


def is_foreign_archive(head: bytes) -> bool:
    """Return whether a file begins as an archive that is recognized and not supported."""
    return head.startswith(tuple(signature for signature, _ in _FOREIGN_SIGNATURES))


def ends_as_zip(tail: bytes) -> bool:
    """Return whether a file whose last ``ARCHIVE_TAIL_BYTES`` these are may end with a zip."""
    return _ZIP_END in tail


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
                f"{name} archives are not supported. Send the pictures as {_READ}."
            )
    if head.startswith(b"MZ"):
        return ArchiveUnsupported(
            "The file is a program without a zip at its end. Run or unpack it, and send the "
            f"pictures as {_READ}."
        )
    return ArchiveUnsupported(f"The file is not an archive. Send a {_READ}.")
