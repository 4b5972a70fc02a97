"""Metadata in a PNG: its own chunks, and the texts in which ImageMagick stores the same."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from worker.photo_info.containers import photoshop
from worker.photo_info.containers.blocks import Blocks, tiff_of

_SIGNATURE_BYTES, _CHECKSUM_BYTES = 8, 4
_HEAD = struct.Struct(">I4s")
_EXIF, _TEXTS = b"eXIf", frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Keys of texts. A profile's text is its name, its size and its bytes in hexadecimal, in lines.
_XMP, _PROFILE = b"XML:com.adobe.xmp", b"Raw profile type "
_KEYS = frozenset({_XMP, *(_PROFILE + name for name in (b"exif", b"APP1", b"iptc", b"xmp"))})
# Longer keys are not valid.
_KEY_BYTES_MAX = 79
# Maximum number of chunks that are looked at, and of bytes of a decompressed text.
_CHUNKS_MAX, _TEXT_BYTES_MAX = 100_000, 4 << 20


def find(data: bytes) -> Blocks:
    """Return a PNG's blocks; its chunk of EXIF wins over a text."""
    exif, texts = b"", dict[bytes, bytes]()
    for kind, start, end in _chunks(data):
        if kind == _EXIF:
            exif = exif or data[start:end]
        elif kind in _TEXTS:
            key = data[start : min(end, start + _KEY_BYTES_MAX)].partition(b"\0")[0]
            if key in _KEYS and key not in texts:
                texts[key] = _text(kind, data[start + len(key) + 1 : end])
    profiles = {key.removeprefix(_PROFILE): _profile(text) for key, text in texts.items()}
    exif = exif or profiles.get(b"exif") or profiles.get(b"APP1", b"")
    iptc = profiles.get(b"iptc", b"")
    iptc = photoshop.resources(iptc).get(photoshop.IPTC, iptc)
    return Blocks(tiff_of(exif), texts.get(_XMP) or profiles.get(b"xmp", b""), iptc)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, and where its data begins and ends."""
    at = _SIGNATURE_BYTES
    for _ in range(_CHUNKS_MAX):
        if at + _HEAD.size > len(data):
            return
        length, kind = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield kind, at, at + length
        at += length + _CHECKSUM_BYTES


def _text(kind: bytes, rest: bytes) -> bytes:
    """Return a text chunk's text, given what follows its key."""
    if kind == b"tEXt":
        return rest
    is_compressed = True
    if kind == b"iTXt":
        is_compressed = rest[:1] == b"\1"
        # The language and the translated key.
        rest = rest[:2] + b"".join(rest[2:].split(b"\0", 2)[2:])
        rest = rest[1:]
    return _inflated(rest[1:]) if is_compressed else rest[1:]


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _TEXT_BYTES_MAX)
    except zlib.error:
        return b""


def _profile(text: bytes) -> bytes:
    lines = text.strip().split(b"\n", 2)
    try:
        return bytes.fromhex(lines[2].decode()) if len(lines) == 3 else b""
    except ValueError:
        return b""
