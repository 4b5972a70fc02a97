"""The progress of a bulk upload."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class UploadProgress:
    """Counts of files and images; the totals grow while files are found."""

    hashed: int = 0
    # Whether all files have been hashed.
    all_hashed: bool = False
    to_send: int = 0
    sent: int = 0
    # Files sent and accepted by the server.
    accepted: int = 0
    # Images in all jobs, and images with an outcome.
    total: int = 0
    done: int = 0
