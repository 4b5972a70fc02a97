"""Compressed tars: streams one after another, damage, and the memory that they need."""

from __future__ import annotations

import lzma
import sys

import pytest

from common.errors import ArchiveBroken, ArchiveUnsupported
from common.images.archive_formats import ArchiveKind
from tests.support.archives import COMPRESS, read_all, tar_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FILES = [("1.jpg", bytes(range(256)) * 40), ("2.jpg", b"2")]
EVERY_KIND = pytest.mark.parametrize("kind", COMPRESS)

# The largest window that is refused: twice that of `zstd --ultra -22`.
WINDOW_LOG = 28


@EVERY_KIND
def test_streams_one_after_another_are_one_tar(kind: ArchiveKind) -> None:
    tar, compress = tar_of(FILES), COMPRESS[kind]
    pieces = [tar[at : at + 700] for at in range(0, len(tar), 700)]
    packed = b"".join(map(compress, pieces))
    assert read_all(packed, kind) == FILES
    # Zeros, as padding, and other bytes after the last stream.
    assert read_all(packed + bytes(600) + b"other", kind) == FILES


@EVERY_KIND
def test_a_stream_that_is_cut_off_or_damaged_ends_the_archive(kind: ArchiveKind) -> None:
    packed = COMPRESS[kind](tar_of(FILES))
    with pytest.raises(ArchiveBroken, match="truncated"):
        read_all(packed[:-10], kind)
    with pytest.raises(ArchiveBroken, match="damaged"):
        read_all(packed[:6] + b"\xff" * 20 + packed[26:], kind)


@EVERY_KIND
def test_what_is_no_tar_is_refused(kind: ArchiveKind) -> None:
    with pytest.raises(ArchiveUnsupported, match="not a tar"):
        read_all(COMPRESS[kind](b"text" * 500), kind)


def test_a_stream_that_needs_much_memory_is_refused() -> None:
    tar = tar_of(FILES)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 * 1024**2}]
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: WINDOW_LOG})
    # Of unknown size, so that the window is not cut to it.
    for kind, packed in (
        ("xz", lzma.compress(tar, filters=filters)),
        ("zstd", wide.compress(tar) + wide.flush()),
    ):
        with pytest.raises(ArchiveUnsupported, match="128 MiB"):
            read_all(packed, kind)  # type: ignore[arg-type]


def test_a_frame_that_is_skipped_may_come_first() -> None:
    frame = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"skip"
    assert read_all(frame + zstd.compress(tar_of(FILES)), "zstd") == FILES
