"""Archive bombs: limits on the unpacked size and on the memory used."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest

from common.errors import ArchiveTooLarge
from common.images.archive_formats import ArchiveKind
from tests.support.archives import (
    archive_of,
    deflated_zeros,
    gzip_bomb,
    read_all,
    streams_bomb,
    tar_entry,
    tar_of,
    zip_bomb,
)
from worker.archives.limits import ArchiveLimits
from worker.archives.member import Member
from worker.archives.reader import read_archive

MIB = 1024**2

# Memory for unpacking besides the archive itself: data read, unpacked and returned.
MEMORY_BYTES_MAX = 2 * MIB

BOMBS: dict[ArchiveKind, Callable[[int], bytes]] = {
    "zip": zip_bomb,
    "gzip": gzip_bomb,
    "xz": partial(streams_bomb, "xz"),
    "bzip2": partial(streams_bomb, "bzip2"),
    "zstd": partial(streams_bomb, "zstd"),
}
EVERY_BOMB = pytest.mark.parametrize("kind", BOMBS)


def drain(member: Member) -> int:
    return sum(len(part) for part in iter(member.read, b""))


def read_until_refused(data: bytes, kind: ArchiveKind, limits: ArchiveLimits) -> tuple[int, int]:
    """Return the number of bytes unpacked, and the peak memory."""
    unpacked = 0
    file = io.BytesIO(data)
    tracemalloc.start()
    try:
        for member in read_archive(file, kind, limits):
            for part in iter(member.read, b""):
                unpacked += len(part)
    except ArchiveTooLarge:
        return unpacked, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    pytest.fail("The bomb was not refused.")


@EVERY_BOMB
def test_a_bomb_ends_at_the_limit_of_bytes(kind: ArchiveKind) -> None:
    limits = ArchiveLimits(bytes_max=40 * MIB, ratio_max=10**6)
    unpacked, memory_bytes = read_until_refused(BOMBS[kind](1000), kind, limits)
    assert 39 * MIB < unpacked <= 40 * MIB
    assert memory_bytes < MEMORY_BYTES_MAX


@EVERY_BOMB
def test_a_bomb_ends_at_the_ratio(kind: ArchiveKind) -> None:
    limits = ArchiveLimits(bytes_max=10**12, ratio_max=100, ratio_floor_bytes=8 * MIB)
    unpacked, memory_bytes = read_until_refused(BOMBS[kind](1000), kind, limits)
    assert unpacked <= 8 * MIB
    assert memory_bytes < MEMORY_BYTES_MAX


@EVERY_BOMB
def test_an_archive_that_unpacks_to_little_may_shrink_as_it_likes(kind: ArchiveKind) -> None:
    limits = ArchiveLimits(ratio_max=2)
    files = [("flat.bmp", bytes(3 * MIB))]
    assert read_all(archive_of(files, kind), kind, limits) == files


@pytest.mark.parametrize("kind", ["zip", "tar", "gzip"])
def test_the_limit_of_bytes_is_met_to_the_byte(kind: ArchiveKind) -> None:
    files = [("1.jpg", bytes(10_000))]
    data = archive_of(files, kind)
    # In a tar, headers and padding count too.
    whole = 10_000 if kind == "zip" else len(tar_of(files))
    assert read_all(data, kind, ArchiveLimits(bytes_max=whole)) == files
    with pytest.raises(ArchiveTooLarge, match=f"{whole - 1} bytes"):
        read_all(data, kind, ArchiveLimits(bytes_max=whole - 1))


@EVERY_BOMB
def test_what_is_passed_over_counts_once_it_is_unpacked(kind: ArchiveKind) -> None:
    files = [("notes", bytes(100_000)), ("1.jpg", b"1")]
    limits = ArchiveLimits(bytes_max=50_000)
    if kind == "zip":
        # Apart from its first bytes, the entry is never unpacked.
        assert read_all(archive_of(files, kind), kind, limits) == [("1.jpg", b"1")]
    else:
        with pytest.raises(ArchiveTooLarge):
            read_all(archive_of(files, kind), kind, limits)


@pytest.mark.parametrize("kind", ["zip", "tar", "gzip"])
def test_an_archive_of_many_entries_takes_little_memory(kind: ArchiveKind) -> None:
    data = archive_of(((f"{number}.jpg", b"1") for number in range(1000)), kind)
    file, limits = io.BytesIO(data), ArchiveLimits()
    tracemalloc.start()
    try:
        assert sum(len(member.read()) for member in read_archive(file, kind, limits)) == 1000
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES_MAX / 4
    finally:
        tracemalloc.stop()


def test_a_compressed_stream_without_content_ends() -> None:
    # Empty blocks: five compressed bytes each, which unpack to nothing.
    empty = b"\x00\x00\x00\xff\xff" * 100_000
    data = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + empty + deflated_zeros(1)
    with pytest.raises(ArchiveTooLarge):
        read_all(data, "gzip", ArchiveLimits(bytes_max=1000))


def test_zeros_after_a_tar_count_as_well() -> None:
    data = tar_entry("1.jpg", b"1") + bytes(100_000)
    with pytest.raises(ArchiveTooLarge):
        read_all(data, "tar", ArchiveLimits(bytes_max=50_000))


def test_a_refusal_is_final() -> None:
    members = read_archive(io.BytesIO(gzip_bomb(10)), "gzip", ArchiveLimits(bytes_max=MIB))
    member = next(members)
    for _ in range(2):
        with pytest.raises(ArchiveTooLarge):
            drain(member)
    with pytest.raises(ArchiveTooLarge):
        next(members)
