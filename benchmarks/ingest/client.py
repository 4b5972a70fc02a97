"""A client that uploads pictures as cheaply as possible, in its own process.

    python -m benchmarks.ingest.client --url http://... --photos DIR --count 990

It prints JSON: the seconds from the first byte to the last job's success, and the client's own
CPU time, since it runs on the cores that it measures. It polls as rarely as the service asks it to,
and takes the time of a job's success from the job: the service's clock is this machine's.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click

from benchmarks.photographs import Photographs

# Pictures per request, as `glimpse ingest` sends them.
PICTURES_PER_REQUEST = 96
# Concurrent upload connections.
CONNECTIONS = 4

# Socket timeout in seconds.
_TIMEOUT_S = 120.0

_BOUNDARY = "picture-boundary-7d1c2f"
_UPLOAD_HEADERS = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


class UploadFailed(RuntimeError):
    """The service rejected an upload, or a job did not succeed."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The client's measurements.

    Attributes:
        pictures: Number of pictures sent.
        seconds: From the first byte to the last job's success.
        sent_s: From the first byte to the last upload's response.
        cpu_s: CPU time of the client itself.
    """

    pictures: int
    seconds: float
    sent_s: float
    cpu_s: float


class Client:
    """One persistent connection to the service.

    Args:
        url: Base URL of the service.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=_TIMEOUT_S)
        self._http.connect()

    def post(self, body: bytes) -> str:
        """Upload a multipart body; return the path of its job. Honours Retry-After of a 503."""
        while True:
            self._http.request("POST", "/v1/images", body, _UPLOAD_HEADERS)
            answer = self._http.getresponse()
            text = answer.read()
            if answer.status == http.HTTPStatus.ACCEPTED:
                return str(answer.headers["Location"])
            if answer.status != http.HTTPStatus.SERVICE_UNAVAILABLE:
                raise UploadFailed(f"{answer.status}: {text.decode(errors='replace')}")
            time.sleep(float(answer.headers.get("Retry-After", 1)))

    def finished(self, path: str) -> float:
        """Wait until a job has finished, and return its Unix time.

        Raises:
            UploadFailed: The job did not succeed.
        """
        while True:
            self._http.request("GET", path)
            answer = self._http.getresponse()
            job: dict[str, Any] = json.loads(answer.read())
            if job["finished_at"] is not None:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        if job["state"] != "succeeded":
            raise UploadFailed(f"A job ended {job['state']}: {job}")
        return datetime.fromisoformat(job["finished_at"]).timestamp()


def upload(url: str, photographs: Photographs, first: int, count: int) -> Upload:
    """Upload pictures and wait until all are searchable.

    Raises:
        UploadFailed: An upload was rejected, or a job did not succeed.
    """
    clients = [Client(url) for _ in range(CONNECTIONS)]
    requests = _Requests(photographs, first, count)
    cpu, begun = time.process_time(), time.time()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        sent = [job for jobs in threads.map(requests.send, clients) for job in jobs]
    sent_s = time.time() - begun
    seconds = max(map(clients[0].finished, sent)) - begun
    return Upload(count, seconds, sent_s, time.process_time() - cpu)


class _Requests:
    """The requests of an upload, distributed to idle connections."""

    def __init__(self, photographs: Photographs, first: int, count: int) -> None:
        self._photographs = photographs
        self._end = first + count
        self._starts = iter(range(first, self._end, PICTURES_PER_REQUEST))
        self._lock = threading.Lock()

    def send(self, client: Client) -> list[str]:
        """Send requests until none are left; return the jobs' paths."""
        return [client.post(body) for body in self._bodies()]

    def _bodies(self) -> Iterator[bytes]:
        while (start := self._next_start()) is not None:
            numbers = range(start, min(start + PICTURES_PER_REQUEST, self._end))
            yield multipart(self._photographs, numbers)

    def _next_start(self) -> int | None:
        with self._lock:
            return next(self._starts, None)


def multipart(photographs: Photographs, numbers: range) -> bytes:
    """Return a request body with these pictures."""
    parts = [
        part
        for number in numbers
        for part in (_head(photographs.name(number)), photographs.content(number), b"\r\n")
    ]
    return b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()])


def _head(name: str) -> bytes:
    # Browsers escape a quotation mark in a file name the same way.
    filename = quote(name, safe=" /!#$&'()+,-.;=@[]^_`{}~")
    return (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()


@click.command()
@click.option("--url", required=True)
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--first", default=0, help="Number of the first picture.")
@click.option("--count", required=True, type=int, help="Pictures to upload.")
def main(url: str, photos: Path, first: int, count: int) -> None:
    """Upload pictures and print the measurements as JSON."""
    done = upload(url, Photographs.read(photos), first, count)
    print(
        json.dumps(
            {
                "pictures": done.pictures,
                "seconds": done.seconds,
                "sent_s": done.sent_s,
                "cpu_s": done.cpu_s,
            }
        )
    )


if __name__ == "__main__":
    main()
