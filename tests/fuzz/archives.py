"""Target: the archive reader, with malformed archives and arbitrary bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from hypothesis import strategies as st

from common.errors import (
    ArchiveBroken,
    ArchiveTooLarge,
    ArchiveUnsupported,
    EmptyArchive,
    TruncatedImage,
    UnsupportedFormat,
)
from common.images.archive_formats import (
    ARCHIVE_HEAD_BYTES,
    MEDIA_TYPES,
    ArchiveKind,
    sniff_archive,
)
from tests.fuzz.chances import mostly
from tests.fuzz.target import Target
from tests.fuzz.witness import Witness
from tests.support.archives import (
    COMPRESS,
    archive_of,
    gzip_bomb,
    pax_entry,
    shared_zip,
    signed,
    streams_bomb,
    tar_entry,
    tar_header,
    tar_of,
    zip_bomb,
    zip_entry,
    zip_of,
)
from tests.support.damage import DAMAGE, damaged
from worker.archives.limits import ArchiveLimits
from worker.archives.reader import read_archive

# Limits that small archives can exceed.
LIMITS = ArchiveLimits(entries_max=20, bytes_max=50_000, ratio_max=50, ratio_floor_bytes=20_000)

KINDS: tuple[ArchiveKind, ...] = tuple(MEDIA_TYPES)

# Bytes of a member to read at a time.
_READ_BYTES = 4096

# Watches the reader's file operations; one per process, since audit hooks cannot be removed.
WITNESS = Witness()


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes, and the kind of archive to read them as."""

    kind: ArchiveKind
    data: bytes


class CountedFile(io.BytesIO):
    """An archive file that limits reads, so that excess work is detected without a clock."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        # A zip: the search for its end, each record and header once, and all bodies twice, with
        # the piece that exceeds a limit. A tar is read once.
        self._bytes_left = 5 * len(data) + 100 * (LIMITS.entries_max + 2)
        # One read per block of a tar or piece of a body, and a few per entry.
        self._calls_left = len(data) // 64 + LIMITS.bytes_max // 512 + 16 * (LIMITS.entries_max + 2)

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._calls_left -= 1
        self._bytes_left -= len(data)
        assert self._calls_left >= 0, "it is read without an end"
        assert self._bytes_left >= 0, "its bytes are read over and over"
        return data


def check(case: Case) -> None:
    """Read the archive twice; the results are equal, within the limits, and touch no files.

    Any error fails except those that the reader documents.
    """
    with suppress(EmptyArchive, ArchiveUnsupported):
        sniff_archive(case.data[:ARCHIVE_HEAD_BYTES])
    with WITNESS.watching() as touched:
        first, again = _walk(case), _walk(case)
    assert first == again, "an archive is the same each time that it is read"
    assert not touched, touched


def _walk(case: Case) -> list[tuple[str, bytes | str]]:
    """Return names with bytes or error codes, and last the error of the archive, if any."""
    file = CountedFile(case.data)
    found: list[tuple[str, bytes | str]] = []
    total = 0
    try:
        for member in read_archive(file, case.kind, LIMITS):
            _check_label(member.filename)
            data = b""
            try:
                while part := member.read(_READ_BYTES):
                    assert len(part) <= _READ_BYTES
                    total += len(part)
                    data += part
                found.append((member.filename, data))
            except (TruncatedImage, UnsupportedFormat) as error:
                found.append((member.filename, error.code))
    except (ArchiveBroken, ArchiveTooLarge, ArchiveUnsupported, EmptyArchive) as error:
        found.append(("", error.code))
    assert len(found) <= LIMITS.entries_max + 1
    assert total <= LIMITS.bytes_max
    return found


def _check_label(name: str) -> None:
    parts = name.split("/")
    assert not {"", ".", ".."} & set(parts) or name == "", name
    assert "\\" not in name, name
    assert name.isprintable() or not set(name) & {"\x00", "\n", "\r", "\x1b"}, name


def read(data: bytes) -> Case:
    """Make a case from arbitrary bytes: the first selects the kind, as a caller might."""
    kind = data[0] if data else 0
    return Case(KINDS[kind % len(KINDS)], data[1:])


_NAMES = st.sampled_from(
    [
        "a.jpg",
        "b",
        "../../a.jpg",
        "/etc/a.jpg",
        "C:\\..\\a.jpg",
        "a/../../b.png",
        "\\\\host\\share\\a.jpg",
        ".hidden.jpg",
        "__MACOSX/a.jpg",
        "folder/",
        "a\x00b.jpg",
        "a\nb.jpg",
        "\u202egnp.jpg",
        "x" * 300 + ".jpg",
        "d/" * 80 + "a.jpg",
        "a.txt",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
# Names that ``zipfile`` accepts: it truncates names at a NUL, and warns about duplicates.
_ZIP_NAMES = _NAMES.map(lambda name: name.partition("\x00")[0] or "a")
_PLAIN_BODIES = (
    st.sampled_from([b"", b"\xff\xd8\xff" + bytes(40), b"1" * 700, b"PK\x05\x06" + bytes(18)])
    | st.sampled_from([30_000, 60_000]).map(bytes)
    | st.binary(max_size=600)
)
_INNER_FILES = st.lists(
    st.tuples(_ZIP_NAMES, _PLAIN_BODIES), max_size=3, unique_by=lambda file: file[0]
)
# Archives within the archive.
_INNER = st.builds(archive_of, _INNER_FILES, st.sampled_from(KINDS))
_BODIES = mostly(
    _PLAIN_BODIES,
    _INNER | st.builds(damaged, _INNER, st.lists(DAMAGE, min_size=1, max_size=3)),
)

# Boundary values of all header fields.
_NUMBERS = st.sampled_from(
    [0, 1, -1, 511, 512, 2**16, 2**31, 2**32 - 1, 2**33 - 1, 8**11, 2**63, 2**64, -(2**63)]
)
_TYPES = st.sampled_from([bytes([kind]) for kind in b"0\x001234567LKxgXSZ"])
_RECORDS = st.tuples(
    st.sampled_from(
        [b"path", b"size", b"linkpath", b"GNU.sparse.name", b"GNU.sparse.size", b"hdrcharset"]
    )
    | st.binary(max_size=10),
    st.sampled_from(
        [b"../../a.jpg", b"/etc/passwd", b"-1", b"9" * 30, b"9" * 5000, b"\xff.jpg", b"3"]
    )
    | _NUMBERS.map(lambda number: b"%d" % number)
    | st.binary(max_size=30),
)
_ENTRIES = (
    st.builds(tar_entry, _NAMES, _BODIES, _TYPES)
    | st.builds(tar_header, _NAMES, _NUMBERS, _TYPES)
    | st.lists(_RECORDS, max_size=4).map(lambda records: pax_entry(*records))
    | st.builds(tar_entry, st.just("long"), _BODIES, st.sampled_from([b"L", b"K"]))
    | st.just(512).map(bytes)
)


def _tampered_header(entry: bytes, at: int, what: bytes) -> bytes:
    """Change bytes of a tar header anywhere, and correct its checksum."""
    block = (entry[:at] + what + entry[at + len(what) :])[:512].ljust(512, b"\x00")
    return signed(block) + entry[512:]


_TAMPERED = st.builds(_tampered_header, _ENTRIES, st.integers(0, 511), st.binary(max_size=12))
# Most odd entries end a tar early, so most entries are valid.
_SOUND = st.builds(tar_entry, _NAMES, _BODIES)
_TARS = st.lists(mostly(_SOUND, _ENTRIES | _TAMPERED), max_size=24).map(b"".join)


def _gzip_of_level(level: int) -> Callable[[bytes], bytes]:
    return lambda data: gzip.compress(data, level)


_CUTS = st.lists(st.floats(0, 1), max_size=3)


def _packed(compress: Callable[[bytes], bytes], data: bytes, cuts: list[float]) -> bytes:
    """Compress data as several streams."""
    places = [0, *sorted(int(cut * len(data)) for cut in cuts), len(data)]
    return b"".join(compress(data[start:end]) for start, end in pairwise(places))


def _packed_tars(kind: ArchiveKind) -> st.SearchStrategy[bytes]:
    whole = st.builds(partial(_packed, COMPRESS[kind]), _TARS, _CUTS)
    return whole | st.just(1).map(partial(streams_bomb, kind))


# Level 0 stores, so that damage reaches the tar.
_GZIPS = st.builds(_packed, st.sampled_from([0, 6]).map(_gzip_of_level), _TARS, _CUTS) | st.just(
    1
).map(gzip_bomb)

_FILES = st.lists(
    st.tuples(_ZIP_NAMES, _BODIES),
    max_size=24,
    unique_by=lambda file: file[0],
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_SIGNATURES = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07")


def _nothing(blocks: int) -> bytes:
    """Return a deflate stream with no output, of any length."""
    return b"\x00\x00\x00\xff\xff" * blocks + b"\x03\x00"


def _tampered_zip(data: bytes, signature: bytes, at: int, number: int, size: int) -> bytes:
    """Write a number into a field of a zip's header, directory or end record."""
    start = data.find(signature)
    if start < 0:
        return data
    offset = start + at
    field = (number % 256**size).to_bytes(size, "little")
    return data[:offset] + field + data[offset + size :]


_WHOLE_ZIPS = (
    st.builds(zip_of, _FILES, st.sampled_from(_METHODS))
    | st.builds(
        zip_entry, _ZIP_NAMES, _BODIES, st.integers(0, 0xFFFF), st.sampled_from([0, 3, 10, 19, 255])
    )
    | st.just(1).map(lambda mebibytes: zip_bomb(mebibytes, ("a.jpg", "b.jpg", "../c.jpg")))
    | st.builds(shared_zip, st.integers(0, 2000).map(_nothing), st.lists(_ZIP_NAMES, max_size=24))
)
_ZIPS = (
    _WHOLE_ZIPS
    | st.lists(_WHOLE_ZIPS, min_size=2, max_size=3).map(b"".join)
    | st.builds(
        _tampered_zip,
        _WHOLE_ZIPS,
        st.sampled_from(_SIGNATURES),
        st.integers(4, 60),
        _NUMBERS,
        st.sampled_from([1, 2, 4, 8]),
    )
)


def _hurt(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return mostly(whole, st.builds(damaged, whole, st.lists(DAMAGE, min_size=1, max_size=3)))


_FORMS: dict[ArchiveKind, st.SearchStrategy[bytes]] = {
    "zip": _hurt(_ZIPS),
    "tar": _hurt(_TARS),
    "gzip": _hurt(_GZIPS),
    "xz": _hurt(_packed_tars("xz")),
    "bzip2": _hurt(_packed_tars("bzip2")),
    "zstd": _hurt(_packed_tars("zstd")),
}


def _seeds() -> tuple[bytes, ...]:
    files = [("a/1.jpg", b"1" * 70), ("2", b"\xff\xd8\xff" + b"2" * 90), ("3.txt", b"3")]
    # Without the zero padding at the end of a tar, of which two blocks suffice.
    old = tar_of(files, tarfile.USTAR_FORMAT)[: 8 * tarfile.BLOCKSIZE]
    tar = pax_entry((b"path", b"../4.jpg")) + tar_entry("4", b"4") + old
    good: dict[ArchiveKind, list[bytes]] = {
        "zip": [
            *(zip_of(files), zip_of(files, zipfile.ZIP_STORED), zip_entry("a.jpg", b"1", 0o777)),
            *(zip_of([("in", archive_of(files, kind))], zipfile.ZIP_STORED) for kind in KINDS),
        ],
        "tar": [tar, old],
        "gzip": [gzip.compress(tar, mtime=0), gzip.compress(old[:600], 0, mtime=0)],
        **{kind: [COMPRESS[kind](old)] for kind in COMPRESS if kind != "gzip"},
    }
    return tuple(
        bytes([KINDS.index(kind)]) + data for kind, archives in good.items() for data in archives
    )


TARGET = Target(
    check=check,
    cases=st.one_of(*(st.builds(Case, st.just(kind), data) for kind, data in _FORMS.items())),
    read=read,
    seeds=_seeds(),
)
