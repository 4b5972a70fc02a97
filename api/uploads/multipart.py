"""Reads multipart bodies; a file name in another encoding than UTF-8 refuses no part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from itertools import chain
from typing import IO

from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from api.http.content_codings import refuse_coded

# Bytes read from the connection at a time.
_READ_BYTES = 64 * 1024

# A part: its name, its file name, or None for a plain field, and its bytes.
Part = tuple[str, str | None, IO[bytes]]


class _Decoder(MultipartDecoder):
    """Werkzeug's decoder; headers that are not in UTF-8 are read as Windows-1252 or Latin-1."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        return super()._parse_headers(_text(bytes(data)).encode())


def read_parts(request: Request, begin: Callable[[str | None], IO[bytes]]) -> list[Part]:
    """Return the parts of a body in order.

    Args:
        request: The request.
        begin: Opens a file for a part that has a file name, given its media type. It is written
            once, and at its end rewound.

    Raises:
        ValueError: The body is malformed or incomplete.
        UnsupportedMediaType: A file has a ``Content-Encoding``.
    """
    boundary = request.mimetype_params.get("boundary", "").encode("ascii")
    if not boundary:
        raise ValueError("There is no boundary.")
    field_bytes_max = request.max_form_memory_size
    decoder = _Decoder(
        boundary, max_form_memory_size=field_bytes_max, max_parts=request.max_form_parts
    )
    parts: list[Part] = []
    for event in _events(request, decoder):
        if isinstance(event, File):
            refuse_coded(event.headers)
            parts.append((event.name, event.filename, begin(event.headers.get("content-type"))))
        elif isinstance(event, Field):
            parts.append((event.name, None, BytesIO()))
        elif isinstance(event, Data):
            _write(parts[-1], event, field_bytes_max)
    return parts


def _events(request: Request, decoder: MultipartDecoder) -> Iterator[Event]:
    pieces = iter(partial(request.stream.read, _READ_BYTES), b"")
    for piece in chain(pieces, (None,)):
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            yield event


def _write(part: Part, event: Data, field_bytes_max: int | None) -> None:
    _, filename, file = part
    file.write(event.data)
    if filename is None and field_bytes_max is not None and file.tell() > field_bytes_max:
        raise RequestEntityTooLarge
    if not event.more_data:
        file.seek(0)


def _text(data: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
