"""``Idempotency-Key``: a request that creates a job creates one job, however often it is sent.

A key is taken before the body is received, and its lease is renewed meanwhile, so that a second
request with the key gets 409 at once. Once the body is received, the key is bound to a digest of
the request and to the id of the future job. If a process dies between these steps, the key is
free again when its lease expires. The next request with the key checks by the job's id whether
the job exists, and returns it instead of creating another.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from flask import Request

from api.idempotency.base import Binding, Standing, Taking
from api.services import Services
from api.uploads.lease_renewal import RenewingInput
from common.errors import (
    BrokerUnavailable,
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    InvalidRequest,
)
from common.jobs.base import Job

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"

# Visible ASCII, in double quotes as the header's draft requires, or without, as most clients do.
_CHARACTERS = r"[!#-\[\]-~]{1,255}"
_KEY = re.compile(rf'("?)(?P<key>{_CHARACTERS})\1')
# The same without backreferences, for JSON Schema.
PATTERN = rf'^("{_CHARACTERS}"|{_CHARACTERS})$'


class Received(Protocol):
    """The content of a request that creates a job; nothing is stored before ``begin``."""

    @property
    def content(self) -> Sequence[object]:
        """The content that identifies the request, as JSON values."""
        ...

    def begin(self, job_id: str) -> Job:
        """Store the content, start the job under this id, and return the job."""
        ...

    def close(self) -> None:
        """Discard what was not stored."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A job, and whether an earlier request with the same key created it."""

    job: Job
    by_earlier_request: bool = False


Begin = Callable[[Received], Begun]


@contextmanager
def begin_once(
    services: Services, tenant: str, request: Request, job_id: str | None = None
) -> Iterator[Begin]:
    """Create a job, or return the job that an earlier request with the same key created.

    A request may add to an open job instead.

    The key is held for the duration of the block, and renewed while the body is read.

    Args:
        services: The services of the app.
        tenant: The owner of the job.
        request: The request; its body is not read yet.
        job_id: The job to add to; None creates one.

    Yields:
        A function that creates the job from the received content.

    Raises:
        InvalidRequest: The key is malformed.
        IdempotencyKeyInProgress: Another request holds the key.
        IdempotencyKeyReused: The key was already used with a different request.
    """
    key = _read_key(request)
    if key is None:
        yield lambda received: Begun(received.begin(job_id or uuid.uuid4().hex))
        return
    with _KeyedRequest(services, tenant, key, request, job_id).held() as begin:
        yield begin


class _KeyedRequest:
    """One request with an idempotency key.

    Args:
        services: The services of the app.
        tenant: The owner of the key.
        key: The key.
        request: The request.
        job_id: The job to add to; None creates one.
    """

    def __init__(
        self, services: Services, tenant: str, key: str, request: Request, job_id: str | None
    ) -> None:
        self._jobs = services.jobs
        self._keys = services.idempotency
        self._lease_s = services.settings.lease_s
        self._names = (tenant, key, uuid.uuid4().hex)
        self._request = request
        self._job_id = job_id

    @contextmanager
    def held(self) -> Iterator[Begin]:
        """Hold the key for the block; settle it on success, release it on failure."""
        self._take()
        try:
            with self._renewed():
                yield self._begin
        except BaseException:
            # If Redis is unavailable, the key is released when its lease expires.
            with suppress(BrokerUnavailable):
                self._keys.give_back(*self._names)
            raise
        self._settle()

    def _begin(self, received: Received) -> Begun:
        fingerprint = _fingerprint(self._request, received)
        # Take the key again: its lease may have expired during a slow upload.
        earlier = self._earlier(self._take())
        if earlier is not None:
            if earlier.fingerprint != fingerprint:
                raise IdempotencyKeyReused(
                    f"This {HEADER} was already used with a different request; use a new key for a"
                    " new request.",
                    field=HEADER,
                )
            return Begun(self._jobs.get(earlier.job_id), by_earlier_request=True)
        binding = Binding(fingerprint, self._job_id or uuid.uuid4().hex)
        if not self._keys.bind(*self._names, binding):
            raise _in_progress()
        return Begun(received.begin(binding.job_id))

    def _take(self) -> Taking:
        taking = self._keys.take(*self._names)
        if taking.standing is Standing.BUSY:
            raise _in_progress()
        return taking

    def _earlier(self, taking: Taking) -> Binding | None:
        """Return the key's binding if an earlier request with it has taken effect."""
        binding = taking.binding
        if binding is None or taking.standing is Standing.SETTLED:
            return binding
        # The earlier request was killed before it settled the key. Additions can be repeated.
        if self._job_id is not None or not self._jobs.is_accepted(binding.job_id):
            return None
        return binding

    def _renewed(self) -> AbstractContextManager[None]:
        def renew() -> None:
            # A failed renewal is noticed when the key is taken again after the body.
            with suppress(BrokerUnavailable):
                self._keys.take(*self._names)

        return RenewingInput.of(self._request, renew, self._lease_s / 3)

    def _settle(self) -> None:
        try:
            self._keys.settle(*self._names)
        except BrokerUnavailable:
            # The job exists. A request with the same key finds it once the lease has expired.
            log.warning("idempotency.not_settled")


def _read_key(request: Request) -> str | None:
    given = request.headers.get(HEADER)
    if given is None:
        return None
    found = _KEY.fullmatch(given)
    if found is None:
        detail = "1 to 255 visible ASCII characters, without quotes and backslashes inside"
        raise InvalidRequest(f"{HEADER}: {detail}.", [{"field": HEADER, "detail": detail}])
    return found["key"]


def _fingerprint(request: Request, received: Received) -> str:
    """Return a digest of the request; equal digests mean the same request."""
    query = request.query_string.decode("latin-1")
    asked = [request.method, request.path, query, received.content]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _in_progress() -> IdempotencyKeyInProgress:
    return IdempotencyKeyInProgress(
        f"A request with this {HEADER} is still in progress; retry in a moment to get its response."
    )
