"""Replays: an image that was given up is tried again, in a job of its own, or forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from flask import Request

from api.services import Services
from api.uploads.admission import admit
from api.uploads.begin_once import Begun, begin_once
from api.uploads.job import begin_job
from common.dead_letters.base import DeadLetter
from common.errors import BrokerUnavailable, NotFound
from common.images.received import ReceivedPicture
from common.jobs.base import Job


@dataclass(frozen=True, slots=True)
class Replay:
    """A dead letter's image, to be tried again; the image's id is all of its content."""

    services: Services
    tenant: str
    image_id: str

    @property
    def content(self) -> Sequence[object]:
        """The image's id."""
        return [self.image_id]

    def begin(self, job_id: str) -> Job:
        """Begin the job.

        Raises:
            NotFound: There is no dead letter of the image, or its bytes are gone.
            DeadLetterBusy: Another request replays or removes it.
            Overloaded: Try again later.
        """
        # Not before: a replay takes the letter with it, and a repeated request is answered with
        # the job that the earlier one began.
        with taken_letter(self.services, self.tenant, self.image_id, job_id) as letter:
            admit(self.services.load.read(), self.services.settings.max_wait_s)
            return _replay(self.services, letter, job_id)

    def close(self) -> None:
        """Do nothing: a replay receives no bytes."""


def replay_letter(services: Services, tenant: str, request: Request, image_id: str) -> Begun:
    """Try an image again, in a job of its own.

    Args:
        services: The parts.
        tenant: Whose image it is.
        request: The request, which may carry an idempotency key.
        image_id: The letter's image.

    Raises:
        GlimpseError: Nothing was begun.
    """
    with begin_once(services, tenant, request) as begin:
        return begin(Replay(services, tenant, image_id))


@contextmanager
def taken_letter(
    services: Services, tenant: str, image_id: str, owner: str
) -> Iterator[DeadLetter]:
    """Have a letter to oneself, so that of requests at once one replays or removes it.

    Args:
        services: The parts.
        tenant: Whose image it is.
        image_id: The letter's image.
        owner: Who has it; no other request's.

    Raises:
        NotFound: There is no dead letter of the image.
        DeadLetterBusy: Another request has it.
    """
    letters, lease_s = services.dead_letters, services.settings.lease_s
    letter = letters.take(tenant, image_id, owner, lease_s)
    try:
        yield letter
    finally:
        # If Redis is unavailable, the lease expires by itself.
        with suppress(BrokerUnavailable):
            letters.give_back(tenant, image_id, owner)


def remove_letter(services: Services, tenant: str, image_id: str) -> None:
    """Forget a letter and the attempts at its image.

    Raises:
        NotFound: There is no dead letter of the image.
        DeadLetterBusy: Another request replays or removes it.
    """
    # Only where there is a letter: the attempts at an image that is in hand stay. And only
    # this one: what takes its place meanwhile nobody has asked to forget.
    with taken_letter(services, tenant, image_id, uuid.uuid4().hex) as letter:
        # The letter goes last. A process that dies in between leaves one that can be removed
        # again, and not a quarantine of which nothing tells.
        services.claims.forget(tenant, [image_id])
        services.dead_letters.remove(tenant, image_id, letter.job_id)


def _replay(parts: Services, letter: DeadLetter, job_id: str) -> Job:
    """Begin the job; the order of the steps is one that may be cut off anywhere.

    The attempts go first: with them the worker would give the image up at once.
    Cut off here, the letter can be replayed again once its lease has run out. Then
    comes the job, which is whole once it is accepted. Cut off here, there is a
    letter too many: replayed again, its image is a duplicate. The letter goes last,
    for until then it alone knows of the image; and only this one, for the new job
    may have failed already and left a newer one in its place.
    """
    _require_bytes(parts, letter)
    parts.claims.forget(letter.tenant, [letter.id])
    picture = ReceivedPicture(letter.id, letter.filename, error=None)
    # Tags and metadata as they were accepted then, also where an upload could not have them now.
    job = begin_job(parts, letter.tenant, job_id, [picture], letter.tags, letter.metadata)
    parts.dead_letters.remove(letter.tenant, letter.id, letter.job_id)
    return job


def _require_bytes(parts: Services, letter: DeadLetter) -> None:
    try:
        # Renew their age, so that the sweep of orphans spares them until the job exists.
        parts.blobs.touch(letter.tenant, letter.id)
    except NotFound:
        raise NotFound(
            f"The bytes of image {letter.id} are gone, so it cannot be tried again; "
            "upload it anew, or delete this dead letter."
        ) from None
