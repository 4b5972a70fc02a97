"""Answers that depend on what the caller has already: unchanged, in part, or not at all."""

from __future__ import annotations

from http import HTTPStatus
from typing import BinaryIO

from flask import Request, Response
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

# Bytes of a file that are read and sent at a time: few system calls, little memory.
_READ_BYTES = 64 * 1024


def conditional(response: Response, request: Request) -> Response:
    """Return an answer that has an ``ETag``, or 304 where the caller has it already.

    Raises:
        PreconditionFailed: ``If-Match`` asks for another one.
    """
    response.make_conditional(request)
    return _met(response)


def sent_bytes(data: BinaryIO, media_type: str, etag: str, request: Request) -> Response:
    """Send a file that never changes: whole, the range that is asked for, or 304.

    Several ranges at once are answered with the whole, as RFC 9110 allows.

    Args:
        data: The file; it is closed with the answer.
        media_type: Its type.
        etag: What its bytes are known by.
        request: May ask for a range.

    Raises:
        PreconditionFailed: ``If-Match`` asks for other bytes.
        RequestedRangeNotSatisfiable: The range begins behind the end.
    """
    length = data.seek(0, 2)
    data.seek(0)
    body = FileWrapper(data, _READ_BYTES)
    response = Response(body, mimetype=media_type, direct_passthrough=True)
    response.content_length = length
    response.accept_ranges = "bytes"
    response.set_etag(etag)
    # Who has the bytes already, or wants others, is told so whatever the range.
    if conditional(response, request).status_code != HTTPStatus.OK:
        return response
    try:
        response.make_conditional(request, _wants_a_part(request, length), length)
    except RequestedRangeNotSatisfiable:
        response.close()
        raise
    return response


def _wants_a_part(request: Request, length: int) -> bool:
    """Tell whether a request asks for one range of bytes; what is no such thing is ignored."""
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return False
    begin, _ = asked.ranges[0]
    # The last bytes, and more of them than there are, are all bytes.
    is_whole = begin < 0 and -begin >= length
    return request.method == "GET" and not is_whole


def _met(response: Response) -> Response:
    if response.status_code == PreconditionFailed.code:
        response.close()
        raise PreconditionFailed
    return response
