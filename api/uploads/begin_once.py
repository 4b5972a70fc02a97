"""``Idempotency-Key``: a request that makes a job makes one job, however often it is sent.

A key is taken before the body is received, and its lease renewed meanwhile, so
that a second request with it is told at once to come again. What was asked is
known when the body is here; then the key is bound to a digest of it and to the
id that the job is going to have. A process that dies between these steps holds
the key for no longer than its lease. Whoever takes it then sees by the job's
id whether there is such a job, and answers with it instead of beginning another.
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

# Visible ASCII, in double quotes as the header's draft has it, or without them as most send it.
_CHARACTERS = r"[!#-\[\]-~]{1,255}"
_KEY = re.compile(rf'("?)(?P<key>{_CHARACTERS})\1')
# The same for those that know no references back, such as JSON schemas.
PATTERN = rf'^("{_CHARACTERS}"|{_CHARACTERS})$'


class Received(Protocol):
    """What a request asks to make a job of; nothing of it is kept before ``begin``."""

    @property
    def content(self) -> Sequence[object]:
        """What distinguishes it from other requests, as JSON values."""
        ...

    def begin(self, job_id: str) -> Job:
        """Keep what was received, begin the job under this id, and return the job."""
        ...

    def close(self) -> None:
        """Discard what was not kept."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A job, and whether an earlier request with the same key began it."""

    job: Job
    by_earlier_request: bool = False


Begin = Callable[[Received], Begun]


@contextmanager
def begin_once(services: Services, tenant: str, request: Request) -> Iterator[Begin]:
    """Begin a job, or find the one that an earlier request with the same key began.

    The key is held, and renewed while the body is read, for as long as the block runs.

    Args:
        services: The parts.
        tenant: Whose job it is.
        request: The request; its body is not read yet.

    Yields:
        A function that makes a job of what was received.

    Raises:
        InvalidRequest: The key is malformed.
        IdempotencyKeyInProgress: Another request has the key.
        IdempotencyKeyReused: The key came with another request before.
    """
    key = _read_key(request)
    if key is None:
        yield lambda received: Begun(received.begin(uuid.uuid4().hex))
        return
    with _KeyedRequest(services, tenant, key, request).held() as begin:
        yield begin


class _KeyedRequest:
    """One request under an idempotency key.

    Args:
        services: The parts.
        tenant: Whose key it is.
        key: The key.
        request: The request.
    """

    def __init__(self, services: Services, tenant: str, key: str, request: Request) -> None:
        self._jobs = services.jobs
        self._keys = services.idempotency
        self._lease_s = services.settings.lease_s
        self._names = (tenant, key, uuid.uuid4().hex)
        self._request = request

    @contextmanager
    def held(self) -> Iterator[Begin]:
        """Hold the key; settle it if the block succeeds, or else free it."""
        self._take()
        try:
            with self._renewed():
                yield self._begin
        except BaseException:
            # If Redis is unavailable, the lease frees the key.
            with suppress(BrokerUnavailable):
                self._keys.give_back(*self._names)
            raise
        self._settle()

    def _begin(self, received: Received) -> Begun:
        fingerprint = _fingerprint(self._request, received)
        # Taken again: the lease may have expired while the body came slowly.
        earlier = self._earlier(self._take())
        if earlier is not None:
            if earlier.fingerprint != fingerprint:
                raise IdempotencyKeyReused(
                    f"This {HEADER} was used for another request; send a new request with a new"
                    " key.",
                    field=HEADER,
                )
            return Begun(self._jobs.get(earlier.job_id), by_earlier_request=True)
        binding = Binding(fingerprint, uuid.uuid4().hex)
        if not self._keys.bind(*self._names, binding):
            raise _in_progress()
        return Begun(received.begin(binding.job_id))

    def _take(self) -> Taking:
        taking = self._keys.take(*self._names)
        if taking.standing is Standing.BUSY:
            raise _in_progress()
        return taking

    def _earlier(self, taking: Taking) -> Binding | None:
        """Return what the key is bound to, if an earlier request began a job with it."""
        binding = taking.binding
        is_done = taking.standing is Standing.SETTLED
        # A request that was cut short settles nothing; whether it has a job tells.
        if binding is None or not (is_done or self._jobs.is_accepted(binding.job_id)):
            return None
        return binding

    def _renewed(self) -> AbstractContextManager[None]:
        def renew() -> None:
            # Whether it worked is seen once the body is here.
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
    """Return a digest of what was asked; equal ones ask for the same."""
    query = request.query_string.decode("latin-1")
    asked = [request.method, request.path, query, received.content]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _in_progress() -> IdempotencyKeyInProgress:
    return IdempotencyKeyInProgress(
        f"A request with this {HEADER} is in progress; ask again in a moment for its answer."
    )
