"""Reading an archive: the pictures in it, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

from common.errors import EmptyArchive, ImageError, UnsupportedFormat
from common.images.archive_formats import ArchiveKind
from common.images.filenames import names_a_picture
from common.images.formats import HEAD_BYTES, sniff
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
    """Yield the pictures of an archive in its order, the same ones each time.

    A picture is what is named as one, whatever it holds, and what begins as one.
    All else is passed over: folders, links, devices, hidden files, sidecars.
    Nothing is written anywhere, and little of the archive is ever in memory.

    Args:
        file: The archive, at its start; a zip must be seekable.
        kind: What ``common.images.archive_formats.sniff_archive`` says that it is.
        limits: What it may unpack to.

    Raises:
        ArchiveBroken: It breaks off or is damaged; what came before it is good.
        ArchiveTooLarge: It is larger than the limits.
        ArchiveUnsupported: It is no archive of this kind.
        EmptyArchive: There is no picture in it.
    """
    empty = True
    for entry in _READERS[kind](file, Meter(limits)):
        member = _member(entry)
        if member is not None:
            empty = False
            yield member
            member.close()
    if empty:
        raise EmptyArchive("There is no picture in the archive; pack JPEG, PNG or WebP files.")


def _member(entry: Entry) -> Member | None:
    filename = label(entry.name)
    if is_hidden(filename):
        return None
    if names_a_picture(filename):
        return Member(filename, entry.body)
    head = _head(entry.body)
    return Member(filename, entry.body, head) if _begins_a_picture(head, filename) else None


def _head(body: Body) -> bytes:
    head = b""
    # What cannot be read is told when it is read again, if this is a picture at all.
    with suppress(ImageError):
        while len(head) < HEAD_BYTES and (data := body.read(HEAD_BYTES - len(head))):
            head += data
    return head


def _begins_a_picture(head: bytes, filename: str) -> bool:
    try:
        sniff(head)
    except UnsupportedFormat:
        # A photograph in HEIC, say: it fails by itself, and its owner learns why.
        return not is_text(filename)
    except ImageError:
        return False
    return True
