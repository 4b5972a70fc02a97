"""Pax headers: text records that describe the next entry of a tar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import ArchiveBroken, ArchiveTooLarge

# Maximum records of a header: tar programs write about ten, and one per extended attribute.
_RECORDS_MAX = 128

# Maximum digits of a number in a record: enough for any 64-bit size.
_DIGITS_MAX = 20

# Prefix of a sparse file's keywords, in all three of GNU tar's formats.
_SPARSE = b"GNU.sparse."


@dataclass(frozen=True, slots=True)
class PaxHeader:
    """The relevant values of a header; None for those that it does not have."""

    # Bytes that are not UTF-8 are surrogates (PEP 383).
    name: str | None = None
    # Bytes of the entry in the archive.
    size: int | None = None
    sparse: bool = False

    def then(self, later: PaxHeader) -> PaxHeader:
        """Return this header, overridden by a later one."""
        return PaxHeader(
            name=later.name or self.name,
            size=self.size if later.size is None else later.size,
            sparse=self.sparse or later.sparse,
        )


def parse_pax(body: bytes) -> PaxHeader:
    """Parse an extended header.

    Raises:
        ArchiveBroken: It is damaged.
        ArchiveTooLarge: It has too many records.
    """
    found = dict(_records(body))
    name = found.get(b"GNU.sparse.name", found.get(b"path"))
    size = found.get(b"size")
    return PaxHeader(
        name=None if name is None else name.decode(errors="surrogateescape"),
        size=None if size is None else _number(size),
        sparse=any(keyword.startswith(_SPARSE) for keyword in found),
    )


def _records(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keyword and value of each record, for example ``12 size=123`` and a newline."""
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
