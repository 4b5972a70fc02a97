"""Reads the pictures of an archive, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

from common.errors import EmptyArchive, ImageError
from common.images.archive_formats import ArchiveKind
from common.images.filenames import names_a_picture
from common.images.formats import HEAD_BYTES, begins_a_picture
from worker.archives.entry import Body, Entry
from worker.archives.limits import ArchiveLimits
from worker.archives.member import Member
from worker.archives.meter import Meter
from worker.archives.names import is_hidden, is_text, label
from worker.archives.tar.reader import read_tar, read_tar_gz
from worker.archives.zip.reader import read_zip

_READERS: dict[ArchiveKind, Callable[[BinaryIO, Meter], Iterator[Entry]]] = {
    "zip": read_zip,
    "tar": read_tar,
    "gzip": read_tar_gz,
}


def read_archive(file: BinaryIO, kind: ArchiveKind, limits: ArchiveLimits) -> Iterator[Member]:
    """Yield the pictures of an archive in the order stored, which is deterministic.

    A file is a picture if its name says so, whatever its contents, or if it starts
    like one. All other entries are skipped: folders, links, devices, hidden files and
    sidecars. Nothing is written to disk, and memory use is small and bounded.

    Args:
        file: The archive, at its start; a zip must be seekable.
        kind: The result of ``common.images.archive_formats.sniff_archive``.
        limits: Limits on its contents.

    Raises:
        ArchiveBroken: It is truncated or damaged; the pictures before that are valid.
        ArchiveTooLarge: It exceeds the limits.
        ArchiveUnsupported: It is not an archive of this kind.
        EmptyArchive: It contains no pictures.
    """
    empty = True
    for entry in _READERS[kind](file, Meter(limits)):
        member = _member(entry)
        if member is not None:
            empty = False
            yield member
            member.close()
    if empty:
        raise EmptyArchive("The archive contains no pictures; pack JPEG, PNG or WebP files.")


def _member(entry: Entry) -> Member | None:
    filename = label(entry.name)
    if is_hidden(filename):
        return None
    if names_a_picture(filename):
        return Member(filename, entry.body)
    head = _head(entry.body)
    # An unsupported picture is offered, and fails with an error that says why.
    is_picture = begins_a_picture(head, is_text=is_text(filename))
    return Member(filename, entry.body, head) if is_picture else None


def _head(body: Body) -> bytes:
    head = b""
    # If this is a picture, its next read raises the error again.
    with suppress(ImageError):
        while len(head) < HEAD_BYTES and (data := body.read(HEAD_BYTES - len(head))):
            head += data
    return head
