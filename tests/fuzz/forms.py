"""Multipart bodies: valid ones, and ones that no browser would send."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.fuzz.chances import mostly
from tests.support.pictures import one_pixel_png

# Content types of uploads, allowed and not.
TYPES = [
    "image/png",
    "image/",
    "IMAGE/PNG; x=y",
    "application/zip",
    "application/x-tar",
    "application/gzip",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/mixed; boundary=b",
    "application/x-www-form-urlencoded",
    "application/json",
    "",
]

# A part: Content-Disposition, Content-Type, and data.
Part = tuple[bytes | None, bytes | None, bytes]


def multipart(boundary: bytes, parts: Sequence[Part], line: bytes = b"\r\n") -> bytes:
    """Return a complete body."""
    written = [_written(boundary, part, line) for part in parts]
    return b"".join(written) + b"--" + boundary + b"--" + line


def _written(boundary: bytes, part: Part, line: bytes) -> bytes:
    disposition, content_type, data = part
    head = b"--" + boundary + line
    if disposition is not None:
        head += b"Content-Disposition: " + disposition + line
    if content_type is not None:
        head += b"Content-Type: " + content_type + line
    return head + line + data + line


_NAMES = [
    "file",
    "metadata",
    "",
    "File",
    "file\x00",
    'f"ile',
    "file; name=metadata",
    "é",
    "x" * 3000,
]
_FILENAMES = [
    "a.png",
    "",
    "../../etc/passwd",
    "C:\\a.png",
    'a"b.png',
    "a\x00b.png",
    "a\x1b[31m.png",
    "\u202egnp.exe",
    "n" * 5000,
    "{{7*7}}%s",
]
_BOUNDARIES = [b"b", b"--", b"b" * 70, b"b" * 300, b"a b", b"'()+_,-./:=?", b"\xff", b'"']
_LINES = [b"\r\n", b"\n", b"\r", b"\r\n\r\n"]


@st.composite
def _dispositions(draw: st.DrawFn) -> bytes | None:
    if draw(st.integers(0, 9)) == 9:
        return draw(st.none() | st.binary(max_size=60))
    kind = draw(mostly(st.just("form-data"), st.sampled_from(["attachment", "", "file"])))
    name = draw(mostly(st.just("file"), st.sampled_from(_NAMES)))
    given = [kind, f'name="{name}"']
    for form in draw(
        st.lists(
            st.sampled_from(["filename=", "filename*=UTF-8''", "filename*0=", "name=", "x="]),
            max_size=2,
        )
    ):
        value = draw(st.sampled_from(_FILENAMES) | st.text(max_size=20))
        given.append(form + (value if "'" in form else f'"{value}"'))
    return "; ".join(given).encode(errors="surrogatepass")


_METADATA = (
    st.sampled_from(
        [
            {},
            {"tags": ["dog"]},
            {"tags": []},
            {"tags": [""]},
            {"tags": ["x"] * 100},
            {"tags": "dog"},
            {"album": "\ud800"},
            {"": 1},
            {"own": None},
            {"n": 2**60},
            {"x": "y" * 2000},
            {str(number): 1 for number in range(70)},
            [],
            None,
        ]
    ).map(json.dumps)
    | st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.floats()).map(
        json.dumps
    )
    | st.sampled_from(["", "{", "NaN", "[" * 3000, '{"a": 1e999}', '{"a":1,"a":2}', "9" * 5000])
).map(str.encode)

_PICTURES = st.sampled_from([b"", b"\x00", b"--b", bytes(1990), bytes(4000)]).map(
    one_pixel_png().__add__
)
_DATA = _PICTURES | _METADATA | st.binary(max_size=80)
_KINDS = mostly(
    st.none(),
    st.sampled_from(
        [
            b"image/png",
            b"application/json",
            b"application/json; charset=utf-16",
            b"text/plain; charset=nonsense",
            b"multipart/mixed; boundary=c",
            b"\xff",
            b"",
        ]
    ),
)
_FILE = st.tuples(st.just(b'form-data; name="file"; filename="a.png"'), _KINDS, _PICTURES)
_FIELD = st.tuples(st.just(b'form-data; name="metadata"'), _KINDS, _METADATA)
_PART = st.tuples(_dispositions(), _KINDS, _DATA)
_PARTS = (
    st.lists(mostly(_FILE, _PART), max_size=5)
    | st.lists(mostly(_FILE, _FIELD), min_size=1, max_size=3)
    | st.lists(_FILE, min_size=10, max_size=14)
)


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw the content type and the bytes of a multipart body."""
    boundary = draw(mostly(st.just(b"b"), st.sampled_from(_BOUNDARIES)))
    parts = draw(_PARTS)
    if draw(st.integers(0, 9)) == 9:
        # A form nested in a part, with the same boundary or another.
        inner = multipart(draw(st.sampled_from([boundary, b"c"])), parts)
        parts = [*parts, (b'form-data; name="file"', b"multipart/mixed; boundary=c", inner)]
    line = draw(mostly(st.just(b"\r\n"), st.sampled_from(_LINES)))
    body = multipart(boundary, parts, line)
    before, after = draw(st.sampled_from([(b"", b""), (b"preamble\r\n", b""), (b"", b"epilogue")]))
    return draw(_content_types(boundary)), before + body + after


def _content_types(boundary: bytes) -> st.SearchStrategy[str]:
    text = boundary.decode("latin-1")
    return mostly(
        st.just(f'multipart/form-data; boundary="{text}"'),
        st.sampled_from(
            [
                f"multipart/form-data; boundary={text}",
                f"multipart/form-data; boundary={text}; boundary=c",
                f"multipart/form-data; charset=utf-16; boundary={text}",
                f"multipart/form-data; boundary*=UTF-8''{text}",
                "multipart/form-data; boundary=other",
            ]
        ),
    )
