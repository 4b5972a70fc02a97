"""Archives built in code: ordinary and malicious ones."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import partial

from common.errors import ImageError
from common.images.archive_formats import ArchiveKind
from worker.archives.limits import ArchiveLimits
from worker.archives.reader import read_archive

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Limits well above any ordinary archive in the tests.
WIDE = ArchiveLimits(entries_max=1000, bytes_max=64 * 1024**2)

File = tuple[str, bytes]

# Names as programs write them that do not know UTF-8, by encoding.
FOREIGN_NAMES = {
    "cp932": ("写真/能力表.jpg", "東京旅行/富士山の写真.jpg", "時計表.png"),
    "gb18030": ("照片/狗.jpg", "北京旅行.jpg", "我的照片/家庭.png"),
    "big5": ("照片/狗.jpg", "台北旅行.jpg", "功能表.png"),
    "euc_kr": ("사진/강아지.jpg", "서울여행.png", "한국.jpg"),
    "cp866": ("Фото/собака.jpg", "Отпуск в Москве.jpg", "кот.png"),
    "cp1251": ("Фото/собака.jpg", "Отпуск в Москве.jpg", "кот.png"),
    "cp437": ("Übung café.jpg", "Größe/Maß.png", "a.jpg"),
}


def read_all(
    data: bytes, kind: ArchiveKind, limits: ArchiveLimits = WIDE
) -> list[tuple[str, bytes | str]]:
    """Return each member's name with its bytes, or with its error code."""
    members: list[tuple[str, bytes | str]] = []
    for member in read_archive(io.BytesIO(data), kind, limits):
        try:
            members.append((member.filename, b"".join(iter(member.read, b""))))
        except ImageError as error:
            members.append((member.filename, error.code))
    return members


def names(data: bytes, kind: ArchiveKind) -> list[str]:
    return [name for name, _ in read_all(data, kind)]


def zip_of(files: Iterable[File], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return file.getvalue()


def zip_entry(name: str, data: bytes = b"", mode: int = 0, system: int = 3) -> bytes:
    """Return a zip of one entry with the given Unix mode."""
    info = zipfile.ZipInfo(name)
    info.create_system = system
    info.external_attr = mode << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, data)
    return file.getvalue()


def tar_of(files: Iterable[File], style: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=style) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


# Compresses whole files, by the kind of archive that a compressed tar is.
COMPRESS: dict[ArchiveKind, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": partial(lzma.compress, preset=1),
    "bzip2": bz2.compress,
    "zstd": zstd.compress,
}


def archive_of(files: Iterable[File], kind: ArchiveKind) -> bytes:
    if kind == "zip":
        return zip_of(files)
    return COMPRESS[kind](tar_of(files)) if kind in COMPRESS else tar_of(files)


def tar_entry(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a header and its data, for any type of entry."""
    return tar_header(name, len(data), kind) + data + bytes(-len(data) % 512)


def tar_header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "/etc/passwd"
    return info.tobuf(tarfile.GNU_FORMAT)


def signed(block: bytes) -> bytes:
    """Return a tar header with its checksum corrected."""
    blank = block[:148] + b" " * 8 + block[156:]
    return blank[:148] + b"%06o\x00 " % sum(blank) + blank[156:]


def pax_entry(*records: tuple[bytes, bytes]) -> bytes:
    """Return an extended header, which applies to the next entry."""
    return tar_entry("PaxHeader", b"".join(map(pax_record, records)), tarfile.XHDTYPE)


def pax_record(record: tuple[bytes, bytes]) -> bytes:
    text = b" %b=%b\n" % record
    length = len(text)
    while length != len(text) + len(b"%d" % length):
        length = len(text) + len(b"%d" % length)
    return b"%d" % length + text


def deflated_zeros(mebibytes: int) -> bytes:
    """Return a deflate stream of that many MiB of zeros, without compressing all of them."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush, the block can be repeated anywhere in a stream.
    piece = stream.compress(bytes(1024**2)) + stream.flush(zlib.Z_FULL_FLUSH)
    return piece * mebibytes + b"\x03\x00"


def gzip_bomb(mebibytes: int) -> bytes:
    """Return a tar.gz of one picture of that many MiB of zeros, truncated after them."""
    head = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    header = head.compress(tar_header("a.jpg", mebibytes * 1024**2)) + head.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + header + deflated_zeros(mebibytes)


def streams_bomb(kind: ArchiveKind, mebibytes: int) -> bytes:
    """Return a compressed tar of one picture of that many MiB of zeros, in a stream per MiB."""
    compress = COMPRESS[kind]
    return compress(tar_header("a.jpg", mebibytes * 1024**2)) + compress(bytes(1024**2)) * mebibytes


def zip_bomb(mebibytes: int, names: Iterable[str] = ("a.jpg",)) -> bytes:
    """Return a zip of that many MiB of zeros under each name."""
    return shared_zip(deflated_zeros(mebibytes), names)


def shared_zip(packed: bytes, names: Iterable[str]) -> bytes:
    """Return a zip whose directory entries all share the same data."""
    body = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, 0, 0, 0, 0) + packed
    directory = b"".join(_record(name.encode(), len(packed)) for name in names)
    count = directory.count(b"PK\x01\x02")
    end = (b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + struct.pack("<4s4H2LH", *end)


def _record(name: bytes, packed_bytes: int) -> bytes:
    # Claims an uncompressed size of one byte. The checksum is wrong, but no reader gets that far.
    sizes = (0, packed_bytes, 1, len(name), 0, 0, 0, 0, 0, 0)
    return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, *sizes) + name
