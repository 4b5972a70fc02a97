"""Dead letters: replays one in a new job, or deletes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from flask import Request

from api.services import Services
from api.uploads.admission import admit
from api.uploads.begin_once import Begun, begin_once
from api.uploads.callback import check_callback
from api.uploads.job import begin_job
from common.dead_letters.base import DeadLetter
from common.errors import BrokerUnavailable, NotFound
from common.images.received import ReceivedPicture
from common.jobs.base import Job


@dataclass(frozen=True, slots=True)
class Replay:
    """A dead letter to be replayed; its only content is the image's id."""

    services: Services
    tenant: str
    image_id: str
    callback_url: str | None

    @property
    def content(self) -> Sequence[object]:
        """The image's id."""
        return [self.image_id]

    def begin(self, job_id: str) -> Job:
        """Create the job.

        Raises:
            NotFound: There is no dead letter for the image, or the image's bytes are gone.
            DeadLetterBusy: Another request is replaying or deleting the letter.
            Overloaded: The backlog is too long; try again later.
        """
        # Look for the letter only now: a replay removes it, and a repeated request must get the
        # job of the earlier one.
        with taken_letter(self.services, self.tenant, self.image_id, job_id) as letter:
            waiting = admit(self.services, self.tenant).tenant_pending
            return _replay(self.services, letter, job_id, waiting, self.callback_url)

    def close(self) -> None:
        """Do nothing, because a replay receives no bytes."""


def replay_letter(
    services: Services, tenant: str, request: Request, image_id: str, callback_url: str | None
) -> Begun:
    """Replay a dead letter: try its image again in a new job.

    Args:
        services: The services of the app.
        tenant: The owner of the image.
        request: The request, which may carry an idempotency key.
        image_id: The letter's image.
        callback_url: What to call when the job has ended.

    Raises:
        GlimpseError: No job was created.
    """
    check_callback(services, tenant, callback_url)
    with begin_once(services, tenant, request) as begin:
        return begin(Replay(services, tenant, image_id, callback_url))


@contextmanager
def taken_letter(
    services: Services, tenant: str, image_id: str, owner: str
) -> Iterator[DeadLetter]:
    """Hold a letter exclusively, so that only one of several concurrent requests succeeds.

    Args:
        services: The services of the app.
        tenant: The owner of the image.
        image_id: The letter's image.
        owner: An id that is unique to this request.

    Raises:
        NotFound: There is no dead letter for the image.
        DeadLetterBusy: Another request holds the letter.
    """
    letters, lease_s = services.dead_letters, services.settings.lease_s
    letter = letters.take(tenant, image_id, owner, lease_s)
    try:
        yield letter
    finally:
        # If Redis is unavailable, the lease expires.
        with suppress(BrokerUnavailable):
            letters.give_back(tenant, image_id, owner)


def remove_letter(services: Services, tenant: str, image_id: str) -> None:
    """Delete a dead letter and reset its image's attempts.

    Raises:
        NotFound: There is no dead letter for the image.
        DeadLetterBusy: Another request is replaying or deleting the letter.
    """
    # Reset attempts only if there is a letter, so that those of an image in progress stay. Remove
    # only this letter, because a newer one may have replaced it.
    with taken_letter(services, tenant, image_id, uuid.uuid4().hex) as letter:
        # Remove the letter last: if the process dies in between, the letter can be deleted again,
        # and the image is not quarantined without a letter.
        services.claims.forget(tenant, [image_id])
        services.dead_letters.remove(tenant, image_id, letter.job_id)


def _replay(
    parts: Services, letter: DeadLetter, job_id: str, waiting: int, callback_url: str | None
) -> Job:
    """Create the job, in an order of steps that is safe to interrupt anywhere.

    First, reset the attempts, or the worker would give up the image at once. If interrupted here,
    the letter can be replayed again once its lease has expired. Next, create the job, which is
    complete once it is accepted. If interrupted here, a redundant letter is left; if it is
    replayed, its image is a duplicate. Remove the letter last, because until the job is accepted
    nothing else refers to the image; and remove only this letter, because the new job may already
    have failed and left a newer one.
    """
    _require_bytes(parts, letter)
    parts.claims.forget(letter.tenant, [letter.id])
    picture = ReceivedPicture(letter.id, letter.filename, error=None)
    # Keep tags and metadata as accepted then, even if current limits would refuse them.
    tags, metadata = letter.tags, letter.metadata
    job = begin_job(
        parts, letter.tenant, job_id, [picture], tags, metadata, waiting, callback_url=callback_url
    )
    parts.dead_letters.remove(letter.tenant, letter.id, letter.job_id)
    return job


def _require_bytes(parts: Services, letter: DeadLetter) -> None:
    try:
        # Update the modification time, so that the upkeep keeps the bytes until the job exists.
        parts.blobs.touch(letter.tenant, letter.id)
    except NotFound:
        raise NotFound(
            f"The bytes of image {letter.id} are gone, so it cannot be tried again; "
            "upload it again, or delete this dead letter."
        ) from None
