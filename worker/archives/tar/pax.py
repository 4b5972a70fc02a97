"""Pax headers: what a tar says of its next entry in records of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import ArchiveBroken, ArchiveTooLarge

# Records in one header, at most: tar programs write about ten, and one for each attribute.
_RECORDS_MAX = 128

# Digits of a number in a record, at most: enough for every size there is.
_DIGITS_MAX = 20

# How the keywords of a sparse file begin, in all three ways that GNU tar has of writing one.
_SPARSE = b"GNU.sparse."


@dataclass(frozen=True, slots=True)
class PaxHeader:
    """What a header says that matters here; None where it says nothing."""

    name: str | None = None
    # Bytes of the entry in the archive.
    size: int | None = None
    sparse: bool = False

    def then(self, later: PaxHeader) -> PaxHeader:
        """Return what holds when another header follows this one."""
        return PaxHeader(
            name=later.name or self.name,
            size=self.size if later.size is None else later.size,
            sparse=self.sparse or later.sparse,
        )


def parse_pax(body: bytes) -> PaxHeader:
    """Read an extended header.

    Raises:
        ArchiveBroken: It is damaged.
        ArchiveTooLarge: It has too many records.
    """
    found = dict(_records(body))
    name = found.get(b"GNU.sparse.name", found.get(b"path"))
    size = found.get(b"size")
    return PaxHeader(
        name=None if name is None else name.decode(errors="replace"),
        size=None if size is None else _number(size),
        sparse=any(keyword.startswith(_SPARSE) for keyword in found),
    )


def _records(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keyword and value of each record; one looks like ``12 size=123`` and a new line."""
    start = count = 0
    while body[start : start + 1] not in {b"", b"\x00"}:
        count += 1
        if count > _RECORDS_MAX:
            raise ArchiveTooLarge("A header of the archive has too many records; pack it again.")
        space = body.find(b" ", start, start + _DIGITS_MAX)
        end = start + _number(body[start : max(space, start)])
        if not space < end <= len(body) or body[end - 1 : end] != b"\n":
            raise _broken()
        keyword, _, value = body[space + 1 : end - 1].partition(b"=")
        yield keyword, value
        start = end


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _DIGITS_MAX:
        raise _broken()
    return int(digits)


def _broken() -> ArchiveBroken:
    return ArchiveBroken("A header of the archive is damaged; pack it again.")
