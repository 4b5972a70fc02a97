"""How far a bulk upload is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class UploadProgress:
    """Counts of files and pictures on their way; what is to come grows while it is found."""

    hashed: int = 0
    # Whether all files were gone through.
    all_hashed: bool = False
    to_send: int = 0
    sent: int = 0
    # Of those sent, what the server took.
    accepted: int = 0
    # Images of all jobs, and those of them whose outcome is known.
    total: int = 0
    done: int = 0
