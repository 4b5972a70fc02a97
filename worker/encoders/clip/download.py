"""Downloads of weights: complete and verified, or not at all."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import httpx

from common.errors import WeightsUnavailable
from worker.encoders.file_digests import sha256_of
from worker.encoders.progress import Progress

log = logging.getLogger(__name__)

# Seconds to connect to a server, and between received bytes.
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def download(
    url: str, target: Path, sha256: str, progress: Progress, timeout: httpx.Timeout = TIMEOUT
) -> None:
    """Download a file; ``target`` is created only when it is complete and verified.

    The bytes are written to a file beside the target, so that an interrupted download
    or a killed process leaves no partial target. Only one process at a time may call
    this for the same target.

    Raises:
        WeightsUnavailable: The server does not answer, refuses, stalls, disconnects or
            sends wrong bytes; the message says which.
        OSError: The folder is not writable, or the disk is full.
    """
    part = target.with_name(target.name + ".part")
    try:
        _receive(url, part, progress, timeout)
        if sha256_of(part) != sha256:
            raise WeightsUnavailable(f"{url} sent wrong bytes: their SHA-256 is not {sha256}")
        # A crash before the rename leaves no target, so the next start downloads again.
        part.replace(target)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WeightsUnavailable(f"{url} failed ({_reason(error)})") from error
    finally:
        part.unlink(missing_ok=True)


def _receive(url: str, part: Path, progress: Progress, timeout: httpx.Timeout) -> None:
    received = 0
    with (
        httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response,
        part.open("wb") as file,
    ):
        response.raise_for_status()
        log.info("weights.download url=%s", url)
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        for chunk in response.iter_bytes():
            file.write(chunk)
            received += len(chunk)
            progress(received, total)
        file.flush()
        os.fsync(file.fileno())


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"status {error.response.status_code}"
    return str(error) or type(error).__name__
