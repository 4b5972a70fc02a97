"""Delivery: one request's load, sent to the server whatever becomes of its files meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cli.bulk.archives import Archive
from cli.bulk.hashing import Hashed
from cli.bulk.upload_requests import Load, Parcel
from glimpse_client import Glimpse
from glimpse_client.answers import Look
from glimpse_client.errors import FileUnreadable, RequestRefused

# Statuses that are about what was sent, not about who sends or to whom: pictures fail one by
# one later, but a request may have too many of them; an archive may also be none.
_FAULTS = {Parcel: frozenset({413}), Archive: frozenset({400, 413, 415, 422})}


@dataclass(frozen=True, slots=True)
class Lost:
    """A file that could be read when it was found and cannot be read now."""

    source: Hashed | Archive
    # What the system says, in a few words.
    reason: str

    @property
    def name(self) -> str:
        """The name the file would have been kept under."""
        return self.source.name if isinstance(self.source, Archive) else self.source.picture.name


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one request."""

    load: Load
    # The job that was begun, if any.
    look: Look | None = None
    lost: tuple[Lost, ...] = ()
    # Why the server does not take this, though it may take something else.
    refused: RequestRefused | None = None

    @property
    def accepted(self) -> int:
        """How many files the server took."""
        return self.load.files - len(self.lost) if self.look else 0


def deliver(client: Glimpse, load: Load, tags: Sequence[str]) -> Delivery:
    """Send what one request carries, less the files that are gone.

    Raises:
        ClientError: The server refused it, or is away for too long.
    """
    try:
        if isinstance(load, Archive):
            return _deliver_archive(client, load)
        return _deliver_pictures(client, load, tags)
    except RequestRefused as error:
        if error.status not in _FAULTS[type(load)]:
            raise
        return Delivery(load, refused=error)


def _deliver_archive(client: Glimpse, archive: Archive) -> Delivery:
    try:
        job = client.upload_archive((archive.name, archive.path))
        return Delivery(archive, Look(job))
    except FileUnreadable as error:
        return Delivery(archive, lost=(Lost(archive, error.reason),))


def _deliver_pictures(client: Glimpse, parcel: Parcel, tags: Sequence[str]) -> Delivery:
    left = {hashed.picture.path: hashed for hashed in parcel.pictures}
    lost: list[Lost] = []
    while left:
        try:
            named = ((hashed.picture.name, path) for path, hashed in left.items())
            return Delivery(parcel, Look(client.upload(*named, tags=tags)), tuple(lost))
        except FileUnreadable as error:
            # The request is void. The server took nothing of it, so the others go again.
            lost.append(Lost(left.pop(error.path), error.reason))
    return Delivery(parcel, lost=tuple(lost))
