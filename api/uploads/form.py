"""Bodies with pictures, streamed to the blob store and hashed meanwhile."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from api.uploads.multipart import Part, read_parts
from common.blobs.base import BlobStore
from common.errors import InvalidRequest
from common.images.received import PictureWriter

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_JSON = "application/json"

# Bytes read from the connection at a time: few system calls, little memory.
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: its pictures, as (part name, file name, writer), and its plain fields."""

    files: list[tuple[str, str, PictureWriter]]
    fields: MultiDict[str, bytes]

    def field(self, name: str) -> str | None:
        """Return a plain field, or None.

        Raises:
            InvalidRequest: There is more than one such part, or it is not UTF-8.
        """
        given = self.fields.getlist(name)
        if len(given) > 1:
            raise InvalidRequest(
                f"There is more than one part named {name}; send only one.", field=name
            )
        try:
            return given[0].decode() if given else None
        except UnicodeDecodeError as error:
            detail = f"The part {name} is not UTF-8: see byte {error.start}."
            raise InvalidRequest(detail, field=name) from None

    def refuse_unknown(self, files: str, fields: str, hint: str) -> None:
        """Refuse parts with other names than these two.

        Args:
            files: The name of parts that are pictures.
            fields: The name of the plain field.
            hint: A sentence that describes the expected parts.

        Raises:
            InvalidRequest: There is a part with another name.
        """
        names = {name for name, _, _ in self.files} - {files} | set(self.fields) - {fields}
        if names:
            unknown = sorted(name or "(no name)" for name in names)
            errors = [{"field": name, "detail": "unknown part"} for name in unknown]
            # curl's -F metadata=@about.json sends a file of no such type.
            plain = f"The part {fields} is a plain field, or declared as application/json."
            raise InvalidRequest(f"Unknown parts: {', '.join(unknown)}. {hint} {plain}", errors)

    def close(self) -> None:
        """Discard the pictures that were not stored."""
        for _, _, picture in self.files:
            picture.close()


class JsonPart(io.BytesIO):
    """A part declared as JSON: a field, even with a file name, which browsers may add.

    Args:
        bytes_max: Maximum bytes of a field.
    """

    def __init__(self, bytes_max: int) -> None:
        super().__init__()
        self._bytes_max = bytes_max

    def write(self, data: ReadableBuffer) -> int:
        """Write bytes; raises ``RequestEntityTooLarge`` above the limit."""
        count = super().write(data)
        if self.tell() > self._bytes_max:
            raise RequestEntityTooLarge
        return count


def read_form(request: Request, blobs: BlobStore, tenant: str, bytes_max: int) -> Form:
    """Read a multipart body; its pictures are in writers of the blob store, not yet stored.

    Raises:
        InvalidRequest: The body is malformed or incomplete.
    """
    begun: list[PictureWriter] = []

    def begin(content_type: str | None) -> IO[bytes]:
        if content_type == _JSON:
            return JsonPart(request.max_form_memory_size or 0)
        begun.append(PictureWriter(blobs.writer(tenant), bytes_max))
        return begun[-1]  # type: ignore[return-value]  # the parser only writes and seeks

    try:
        return _form(_parts(request, begin))
    except BaseException:
        for picture in begun:
            picture.close()
        raise


def read_body(request: Request, blobs: BlobStore, tenant: str, bytes_max: int) -> PictureWriter:
    """Read a body that is one picture; it is in a writer of the blob store, not yet stored.

    Raises:
        InvalidRequest: The body is incomplete.
    """
    picture = PictureWriter(blobs.writer(tenant), bytes_max)
    try:
        while data := request.stream.read(_READ_BYTES):
            picture.write(data)
    except BaseException as error:
        picture.close()
        if isinstance(error, ClientDisconnected):
            raise InvalidRequest("The body is incomplete; send it again.") from None
        raise
    return picture


def _parts(request: Request, begin: Callable[[str | None], IO[bytes]]) -> list[Part]:
    try:
        return read_parts(request, begin)
    except (ValueError, ClientDisconnected) as error:
        raise InvalidRequest("The multipart body is malformed or incomplete.") from error


def _form(parts: Iterable[Part]) -> Form:
    """Separate pictures from fields."""
    pictures: list[tuple[str, str, PictureWriter]] = []
    fields: MultiDict[str, bytes] = MultiDict()
    for name, filename, file in parts:
        if filename is None or isinstance(file, JsonPart):
            fields.add(name, file.read())
        else:
            pictures.append((name, filename, _writer_of(file)))
    return Form(pictures, fields)


def _writer_of(file: IO[bytes]) -> PictureWriter:
    return file  # type: ignore[return-value]  # what `begin` returned
