"""Uploads: pictures of a request, streamed to the blob store while they are hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import ClientDisconnected
from werkzeug.formparser import FormDataParser

from common.blobs.base import BlobStore, BlobWriter
from common.errors import ImageError, ImageTooLarge, InvalidRequest
from common.filenames import clean_filename
from common.formats import HEAD_BYTES, sniff

# Bytes read from the connection at a time: few system calls, little memory.
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """One picture received: its id, its name, and why it cannot be used, if so."""

    id: str
    filename: str
    error: ImageError | None


class Incoming:
    """One picture on its way in: hashed, counted, and written to the blob store.

    Stands for the file that Werkzeug's form parser writes to. Bytes past the
    limit are hashed and dropped, so that one large picture fails alone.

    Args:
        writer: Where the bytes go.
        bytes_max: Bytes of one picture, at most.
    """

    def __init__(self, writer: BlobWriter, bytes_max: int) -> None:
        self._writer = writer
        self._bytes_max = bytes_max
        self._sha256 = hashlib.sha256()
        self._head = b""
        self._bytes = 0

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        self._sha256.update(data)
        self._bytes += len(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        if self._bytes <= self._bytes_max:
            self._writer.write(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Let go of the file: the parser goes back to the start when a part is whole.

        A request of thousands of pictures must not hold thousands of open files.
        """
        del offset, whence
        self._writer.seal()
        return 0

    def close(self) -> None:
        """Forget what was written unless it was kept."""
        self._writer.discard()

    def finish(self, filename: str) -> Upload:
        """Keep the picture if it looks like one; the worker sees whether it is."""
        image_id = self._sha256.hexdigest()
        error = self._error()
        if error is None:
            self._writer.commit(image_id)
        else:
            self._writer.discard()
        return Upload(image_id, clean_filename(filename) or image_id[:12], error)

    def _error(self) -> ImageError | None:
        if self._bytes > self._bytes_max:
            return ImageTooLarge(f"The picture has more than {self._bytes_max} bytes.")
        try:
            sniff(self._head)
        except ImageError as error:
            return error
        return None


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: its pictures by the names of their parts, and its plain fields."""

    files: list[tuple[str, str, Incoming]]
    fields: MultiDict[str, str]

    def close(self) -> None:
        """Forget the pictures that were not kept."""
        for _, _, incoming in self.files:
            incoming.close()


def read_form(request: Request, blobs: BlobStore, tenant: str, bytes_max: int) -> Form:
    """Read a multipart body; its pictures are in the blob store's writers, not yet kept.

    Raises:
        InvalidRequest: The body is malformed or breaks off.
    """
    begun: list[Incoming] = []

    def begin(**_: object) -> IO[bytes]:
        begun.append(Incoming(blobs.writer(tenant), bytes_max))
        return begun[-1]  # type: ignore[return-value]  # the parser writes and seeks, no more

    try:
        files, fields = _parse(request, begin)
    except BaseException:
        for incoming in begun:
            incoming.close()
        raise
    parts = [(name, file) for name, named in files.lists() for file in named]
    return Form(
        [(name, file.filename or "", _incoming(file)) for name, file in parts],
        fields,
    )


def read_body(
    request: Request, blobs: BlobStore, tenant: str, bytes_max: int, filename: str
) -> Upload:
    """Read a body that is one picture, and keep it."""
    incoming = Incoming(blobs.writer(tenant), bytes_max)
    try:
        while data := request.stream.read(_READ_BYTES):
            incoming.write(data)
        return incoming.finish(filename)
    except ClientDisconnected:
        raise InvalidRequest("The body broke off; send it again.") from None
    finally:
        incoming.close()


def _parse(
    request: Request, begin: Callable[..., IO[bytes]]
) -> tuple[MultiDict[str, FileStorage], MultiDict[str, str]]:
    parser = FormDataParser(
        stream_factory=begin,
        max_form_memory_size=request.max_form_memory_size,
        max_content_length=request.max_content_length,
        max_form_parts=request.max_form_parts,
        # Werkzeug would answer a broken body with an empty form.
        silent=False,
    )
    try:
        _, fields, files = parser.parse(
            request.stream, request.mimetype, request.content_length, request.mimetype_params
        )
    except (ValueError, ClientDisconnected) as error:
        raise InvalidRequest("The multipart body is malformed or broke off.") from error
    return files, fields


def _incoming(file: FileStorage) -> Incoming:
    return file.stream  # type: ignore[return-value]  # what `begin` returned
