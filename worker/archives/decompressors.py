"""Decompressors: of deflate, in zips, and of the compressions of tars."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from common.images.archive_formats import ArchiveKind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Maximum memory of a decompressor: `xz -9` needs 65 MiB, `zstd --ultra -22` 128 MiB.
MEMORY_BYTES_MAX = 128 * 1024**2

# The same for zstd: the logarithm of its window's size.
_ZSTD_OPTIONS = {int(zstd.DecompressionParameter.window_log_max): MEMORY_BYTES_MAX.bit_length() - 1}

# zlib's number for a gzip member, whose header it reads and whose checksum it verifies.
_GZIP = zlib.MAX_WBITS + 16

# Raised by decompressors for a stream that they cannot decompress; OSError is that of bz2.
ERRORS = (zlib.error, OSError, lzma.LZMAError, zstd.ZstdError)


class Decompressor(Protocol):
    """Decompresses one stream; the form of those of ``bz2``, ``lzma`` and ``zstd``."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether it has decompressed all input so far."""
        ...

    @property
    def unused_data(self) -> bytes:
        """The input after the end of the stream."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take input, and return up to ``max_length`` decompressed bytes."""
        ...


class Deflate:
    """Decompresses a deflate stream.

    Args:
        wrapper: zlib's number for what surrounds the stream; by default nothing, as in a zip.
    """

    def __init__(self, wrapper: int = -zlib.MAX_WBITS) -> None:
        self._stream = zlib.decompressobj(wrapper)

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        """Whether it has taken all input so far; it may still hold decompressed bytes."""
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """The input after the end of the stream."""
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take input, and return up to ``max_length`` decompressed bytes."""
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


# Begins a stream of each compression of tars.
DECOMPRESSORS: dict[ArchiveKind, Callable[[], Decompressor]] = {
    "gzip": lambda: Deflate(_GZIP),
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_BYTES_MAX),
    "bzip2": bz2.BZ2Decompressor,
    "zstd": lambda: zstd.ZstdDecompressor(options=_ZSTD_OPTIONS),
}


def needs_memory(error: BaseException | None) -> bool:
    """Return whether a decompressor refused a stream for the memory that it needs."""
    return isinstance(error, lzma.LZMAError | zstd.ZstdError) and "memory" in str(error).lower()
