"""Damaged archives: partly read or refused, and always within the limits."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ArchiveError, ImageError
from common.images.archive_formats import ArchiveKind
from tests.support.archives import COMPRESS, pax_entry, tar_entry, tar_of, zip_of
from tests.support.damage import DAMAGE, damaged
from worker.archives.limits import ArchiveLimits
from worker.archives.reader import read_archive

LIMITS = ArchiveLimits(entries_max=20, bytes_max=50_000, ratio_max=50, ratio_floor_bytes=20_000)

FILES = [
    ("a/1.jpg", b"1" * 700),
    ("2", b"\xff\xd8\xff" + b"2" * 900),
    ("3.txt", b"3"),
    ("ü.png", b""),
]

TAR = (
    tar_entry("long", b"b/" * 60 + b"1.jpg\x00", b"L")
    + tar_entry("short", b"1" * 600)
    + pax_entry((b"path", "ü.jpg".encode()), (b"size", b"3"))
    + tar_entry("2", b"222")
    + tar_entry("sparse.jpg", bytes(512), tarfile.GNUTYPE_SPARSE)
    + tar_of(FILES)
)

ARCHIVES: dict[str, tuple[ArchiveKind, bytes]] = {
    "deflated": ("zip", zip_of(FILES)),
    "stored": ("zip", zip_of(FILES, zipfile.ZIP_STORED)),
    "tar": ("tar", TAR),
    "gzip": ("gzip", gzip.compress(TAR, 0)),
    **{kind: (kind, compress(TAR)) for kind, compress in COMPRESS.items() if kind != "gzip"},
    "zip in zip": ("zip", zip_of([("in.zip", zip_of(FILES)), *FILES], zipfile.ZIP_STORED)),
    "tar in gzip": ("gzip", gzip.compress(tar_of([("in.tar", TAR), *FILES]), 0)),
    "gzip members": ("gzip", gzip.compress(TAR[:1000]) + gzip.compress(TAR[1000:])),
}


def read_within_limits(data: bytes, kind: ArchiveKind) -> None:
    """Read as much as possible; any exception but Glimpse's own fails the test."""
    members = unpacked = 0
    try:
        for member in read_archive(io.BytesIO(data), kind, LIMITS):
            members += 1
            try:
                while part := member.read(4096):
                    unpacked += len(part)
            except ImageError:
                continue
    except ArchiveError:
        pass
    assert members <= LIMITS.entries_max
    assert unpacked <= LIMITS.bytes_max


@pytest.mark.parametrize("name", ARCHIVES)
@settings(max_examples=60, deadline=None)
@given(damage=st.lists(DAMAGE, min_size=1, max_size=4))
def test_damage_is_told_and_never_a_fault(
    name: str, damage: list[tuple[float, str, bytes]]
) -> None:
    kind, data = ARCHIVES[name]
    read_within_limits(damaged(data, damage), kind)


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_byte_may_be_damaged(name: str) -> None:
    kind, data = ARCHIVES[name]
    for at in range(0, len(data), max(1, len(data) // 300)):
        read_within_limits(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], kind)


@pytest.mark.parametrize("kind", ["zip", "tar", *COMPRESS])
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_told(kind: ArchiveKind, data: bytes) -> None:
    read_within_limits(data, kind)
