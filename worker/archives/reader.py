"""Reads the pictures of an archive, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import BinaryIO, cast

from common.errors import ArchiveError, EmptyArchive, ImageError
from common.images.archive_formats import ARCHIVE_HEAD_BYTES, ArchiveKind, begins_an_archive
from common.images.filenames import names_a_picture
from common.images.formats import HEAD_BYTES, begins_a_picture
from worker.archives.entry import Body, Entry, Unreadable
from worker.archives.inner import InnerBody, InnerFile, failure, spooled
from worker.archives.limits import ArchiveLimits
from worker.archives.member import Member
from worker.archives.meter import InnerMeter, Meter
from worker.archives.names import (
    is_hidden,
    is_packed_document,
    is_text,
    label,
    skipped_folder,
    suffix,
)
from worker.archives.skipped import HIDDEN, LINK, NO_SUFFIX, Skipped
from worker.archives.tar.headers import NotATar
from worker.archives.tar.reader import read_packed_tar, read_tar
from worker.archives.zip.reader import read_zip

_READERS: dict[ArchiveKind, Callable[[BinaryIO, Meter], Iterator[Entry]]] = {
    "zip": read_zip,
    "tar": read_tar,
    "gzip": partial(read_packed_tar, "gzip"),
    "xz": partial(read_packed_tar, "xz"),
    "bzip2": partial(read_packed_tar, "bzip2"),
    "zstd": partial(read_packed_tar, "zstd"),
}


def read_archive(
    file: BinaryIO, kind: ArchiveKind, limits: ArchiveLimits, skipped: Skipped | None = None
) -> Iterator[Member]:
    """Yield the pictures of an archive in the order stored, which is deterministic.

    A file is a picture if its name says so, whatever its contents, or if it starts
    like one. Archives in the archive are read likewise, but not those in them; a zip
    in it is written to a temporary file. All other entries are skipped: links,
    devices, hidden files and sidecars. Memory use is bounded.

    Args:
        file: The archive, at its start; a zip must be seekable.
        kind: The result of ``common.images.archive_formats.sniff_archive``.
        limits: Limits on its contents, including those of archives in it.
        skipped: Counts the skipped files.

    Raises:
        ArchiveBroken: It is truncated or damaged; the pictures before that are valid.
        ArchiveTooLarge: It exceeds the limits.
        ArchiveUnsupported: It is not an archive of this kind.
        EmptyArchive: It contains no pictures.
    """
    empty = True
    for member in _Reading(Meter(limits), skipped or Skipped()).members(file, kind):
        empty = False
        yield member
        member.close()
    if empty:
        raise EmptyArchive("The archive contains no pictures; pack JPEG, PNG or WebP files.")


class _Reading:
    """Reads the pictures of one archive.

    Args:
        meter: Counts its contents.
        skipped: Counts the skipped files.
    """

    def __init__(self, meter: Meter, skipped: Skipped) -> None:
        self._meter = meter
        self._skipped = skipped

    def members(self, file: BinaryIO, kind: ArchiveKind) -> Iterator[Member]:
        """Yield the pictures of a file; raises like ``read_archive``."""
        for entry in _READERS[kind](file, self._meter):
            yield from self._of(label(entry.name), entry.body)

    def _of(self, filename: str, body: Body | None) -> Iterator[Member]:
        """Yield the pictures of an entry: itself, or those in it."""
        kind = skipped_folder(filename) or (HIDDEN if is_hidden(filename) else None)
        if body is None or kind is not None:
            self._skipped.add(kind or LINK)
        elif names_a_picture(filename):
            yield self._member(filename, body)
        else:
            yield from self._unnamed(filename, body, _head(body))

    def _unnamed(self, filename: str, body: Body, head: bytes) -> Iterator[Member]:
        """Yield the pictures of a file whose name is not that of a picture."""
        # An unsupported picture is offered, and fails with an error that says why.
        if begins_a_picture(head, is_text=is_text(filename)):
            yield self._member(filename, body, head)
        elif (kind := _archive_kind(filename, head)) is not None:
            yield from self._inner(filename, kind, InnerFile(head, body))
        else:
            self._skip(filename)

    def _member(self, filename: str, body: Body, head: bytes = b"") -> Member:
        return Member(filename, body, head)

    def _inner(self, filename: str, kind: ArchiveKind, file: InnerFile) -> Iterator[Member]:
        """Yield the pictures of an archive in this one, or the archive as a failed member."""
        inner = _InnerReading(InnerMeter(self._meter), self._skipped, filename, file)
        try:
            if kind == "zip":
                with spooled(file) as spool:
                    yield from inner.members(spool, kind)
            else:
                yield from inner.members(cast("BinaryIO", file), kind)
        except NotATar:
            self._skip(filename)
        except ArchiveError as error:
            if file.ends(error):
                raise
            yield Member(filename, Unreadable(failure(error)))
        except ImageError as error:
            yield Member(filename, Unreadable(error))

    def _skip(self, filename: str) -> None:
        self._skipped.add(suffix(filename) or NO_SUFFIX)


class _InnerReading(_Reading):
    """Reads an archive in an archive; archives in it are skipped, each counted by its name.

    Args:
        meter: Counts its contents.
        skipped: Counts the skipped files.
        name: Its name, which begins those of its pictures.
        file: Its bytes.
    """

    def __init__(self, meter: Meter, skipped: Skipped, name: str, file: InnerFile) -> None:
        super().__init__(meter, skipped)
        self._name = name
        self._file = file

    def _member(self, filename: str, body: Body, head: bytes = b"") -> Member:
        return Member(self._path(filename), InnerBody(body, self._file), head)

    def _inner(self, filename: str, kind: ArchiveKind, file: InnerFile) -> Iterator[Member]:
        del kind, file
        self._skipped.add(self._path(filename))
        yield from ()

    def _path(self, filename: str) -> str:
        return label(f"{self._name}/{filename}")


def _archive_kind(filename: str, head: bytes) -> ArchiveKind | None:
    """Return the kind of an archive in an archive; None for other files."""
    if is_text(filename) or is_packed_document(filename):
        return None
    return begins_an_archive(head[:ARCHIVE_HEAD_BYTES])


def _head(body: Body) -> bytes:
    head = b""
    # If this is a picture, its next read raises the error again.
    with suppress(ImageError):
        while len(head) < HEAD_BYTES and (data := body.read(HEAD_BYTES - len(head))):
            head += data
    return head
