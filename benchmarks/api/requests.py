"""The requests sent to the API, as raw bytes ready for a connection."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path

from PIL import Image

# Size of each uploaded picture in bytes.
PICTURE_BYTES = 100_000
# Side in pixels and JPEG quality, chosen so that the picture is slightly below that size.
_SIDE, _QUALITY = 359, 85

_HOST = b"Host: 127.0.0.1\r\n"
_BOUNDARY = b"picture-boundary-7d1c2f"
# The headers of a part, as a browser sends them, and the end of the form.
_PART = (
    b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="1.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n"
)
_END = b"\r\n--" + _BOUNDARY + b"--\r\n"


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of request.

    Attributes:
        name: Name in the figures.
        status: The status of its answers.
        requests: Yields its requests, given a job's id, a picture and the first picture's number.
        per_s_min: Target in requests per second on two cores.
    """

    name: str
    status: int
    requests: Callable[[str, bytes, int], Iterator[bytes]]
    per_s_min: float


def picture() -> bytes:
    """Return a real JPEG of 100 kB, less the bytes that make each upload distinct."""
    noise = random.Random(0).randbytes(_SIDE * _SIDE * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (_SIDE, _SIDE), noise).save(file, "JPEG", quality=_QUALITY)
    # Decoders ignore bytes after the end marker.
    return file.getvalue().ljust(PICTURE_BYTES - 8, b"\0")


def _polls(job_id: str, picture: bytes, first: int) -> Iterator[bytes]:
    del picture, first
    return repeat(b"GET /v1/jobs/" + job_id.encode() + b" HTTP/1.1\r\n" + _HOST + b"\r\n")


def _bodies(job_id: str, picture: bytes, first: int) -> Iterator[bytes]:
    del job_id
    head = _head(b"/v1/images?filename=1.jpg", b"image/jpeg", len(picture) + 8)
    return (head + picture + number.to_bytes(8) for number in count(first))


def _forms(job_id: str, picture: bytes, first: int) -> Iterator[bytes]:
    del job_id
    kind = b"multipart/form-data; boundary=" + _BOUNDARY
    head = _head(b"/v1/images", kind, len(_PART) + len(picture) + 8 + len(_END)) + _PART + picture
    return (head + number.to_bytes(8) + _END for number in count(first))


def _head(target: bytes, kind: bytes, length: int) -> bytes:
    line = b"POST " + target + b" HTTP/1.1\r\n" + _HOST
    return line + b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, length)


QUESTIONS = {
    "poll": Question("GET /v1/jobs/{id}", 200, _polls, per_s_min=1500.0),
    "body": Question("POST /v1/images, body", 202, _bodies, per_s_min=600.0),
    "form": Question("POST /v1/images, form", 202, _forms, per_s_min=250.0),
}


def read_requests(question: str, job_id: str, picture: Path, first: int) -> Iterator[bytes]:
    """Return an endless iterator of a question's requests.

    Args:
        question: A key of ``QUESTIONS``.
        job_id: The job to poll.
        picture: File of the picture to upload.
        first: Number of the first picture; equal numbers yield equal bytes.
    """
    return QUESTIONS[question].requests(job_id, picture.read_bytes(), first)
