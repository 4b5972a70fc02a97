"""Conditional and range requests: 304, 206, 412 and 416."""

from __future__ import annotations

from http import HTTPStatus
from typing import BinaryIO

from flask import Request, Response
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

# Bytes of a file read and sent at a time: few system calls, little memory.
_READ_BYTES = 64 * 1024


def conditional(response: Response, request: Request) -> Response:
    """Return a response that has an ``ETag``, or 304 if the caller already has it.

    Raises:
        PreconditionFailed: ``If-Match`` does not match the ``ETag``.
    """
    response.make_conditional(request)
    return _raise_if_failed(response)


def sent_bytes(data: BinaryIO, media_type: str, etag: str, request: Request) -> Response:
    """Return the response for a file that never changes: whole, a range of it, or 304.

    A request for several ranges returns the whole file, as RFC 9110 allows.

    Args:
        data: The file; closed together with the response.
        media_type: The file's media type.
        etag: The file's ``ETag``.
        request: The request, which may ask for a range.

    Raises:
        PreconditionFailed: ``If-Match`` does not match the ``ETag``.
        RequestedRangeNotSatisfiable: The range begins after the end of the file.
    """
    length = data.seek(0, 2)
    data.seek(0)
    body = FileWrapper(data, _READ_BYTES)
    response = Response(body, mimetype=media_type, direct_passthrough=True)
    response.content_length = length
    response.accept_ranges = "bytes"
    response.set_etag(etag)
    # Preconditions come before the range.
    if conditional(response, request).status_code != HTTPStatus.OK:
        return response
    try:
        response.make_conditional(request, _is_range_request(request, length), length)
    except RequestedRangeNotSatisfiable:
        response.close()
        raise
    return response


def _is_range_request(request: Request, length: int) -> bool:
    """Return whether a request asks for exactly one byte range; any other range is ignored."""
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return False
    begin, _ = asked.ranges[0]
    # A suffix range at least as long as the file is the whole file.
    is_whole = begin < 0 and -begin >= length
    return request.method == "GET" and not is_whole


def _raise_if_failed(response: Response) -> Response:
    if response.status_code == PreconditionFailed.code:
        response.close()
        raise PreconditionFailed
    return response
