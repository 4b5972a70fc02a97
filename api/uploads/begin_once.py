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
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress

from flask import Request

from api.idempotency.base import Binding, Standing, Taking
from api.services import Services
from api.uploads.lease_renewal import RenewingInput
from api.uploads.reception import Reception
from common.errors import BrokerUnavailable, InvalidRequest, KeyInProgress, KeyReused
from common.jobs.base import Job

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"

# Visible ASCII, in double quotes as the header's draft has it, or without them as most send it.
_CHARACTERS = r"[!#-\[\]-~]{1,255}"
_KEY = re.compile(rf'("?)(?P<key>{_CHARACTERS})\1')
# The same for those that know no references back, such as JSON schemas.
PATTERN = rf'^("{_CHARACTERS}"|{_CHARACTERS})$'


class KeyedRequest:
    """One request under an idempotency key.

    Args:
        services: The parts.
        tenant: Whose key it is.
        key: The key.
    """

    def __init__(self, services: Services, tenant: str, key: str) -> None:
        self._jobs = services.jobs
        self._keys = services.idempotency
        self._lease_s = services.settings.lease_s
        self._names = (tenant, key, uuid.uuid4().hex)

    def run(self, request: Request, receive: Callable[[], Reception]) -> tuple[Job, bool]:
        """Return the job that the request makes, and whether an earlier one has made it.

        Args:
            request: The request; its body is not read yet.
            receive: Receives it.

        Raises:
            KeyInProgress: Another request has the key.
            KeyReused: It came with another request before.
        """
        self._take()
        try:
            with self._renewed(request), closing(receive()) as reception:
                found = self._run(_fingerprint(request, reception), reception)
        except BaseException:
            # A request that failed frees its key. Where Redis is away, the lease does.
            with suppress(BrokerUnavailable):
                self._keys.give_back(*self._names)
            raise
        self._settle()
        return found

    def _run(self, fingerprint: str, reception: Reception) -> tuple[Job, bool]:
        # Asked for again: the lease may have run out on a body that came slowly.
        taking = self._take()
        earlier = self._earlier(taking)
        if earlier is not None:
            if earlier.fingerprint != fingerprint:
                raise KeyReused(
                    f"This {HEADER} came with another request before; a new request wants a new"
                    " key.",
                    field=HEADER,
                )
            return self._jobs.get(earlier.job_id), True
        binding = Binding(fingerprint, uuid.uuid4().hex)
        if not self._keys.bind(*self._names, binding):
            raise _in_progress()
        return reception.begin(binding.job_id), False

    def _take(self) -> Taking:
        taking = self._keys.take(*self._names)
        if taking.standing is Standing.BUSY:
            raise _in_progress()
        return taking

    def _earlier(self, taking: Taking) -> Binding | None:
        """Return what the key was bound to, if that was done: then it is done for good."""
        binding = taking.binding
        is_done = taking.standing is Standing.SETTLED
        # A request that was cut short does not tell; its job does.
        if binding is None or not (is_done or self._jobs.is_accepted(binding.job_id)):
            return None
        return binding

    def _renewed(self, request: Request) -> AbstractContextManager[None]:
        def renew() -> None:
            # What comes of it is seen when the body is here.
            with suppress(BrokerUnavailable):
                self._keys.take(*self._names)

        return RenewingInput.of(request, renew, self._lease_s / 3)

    def _settle(self) -> None:
        try:
            self._keys.settle(*self._names)
        except BrokerUnavailable:
            # The job stands. Whoever asks with the key finds it once the lease has run out.
            log.warning("idempotency.not_settled")


def begin_once(
    services: Services, tenant: str, request: Request, receive: Callable[[], Reception]
) -> tuple[Job, bool]:
    """Begin a job, or find the one that an earlier request with the same key has begun.

    Args:
        services: The parts.
        tenant: Whose job it is.
        request: The request; its body is not read yet.
        receive: Receives it.

    Raises:
        InvalidRequest: The key is malformed.
        KeyInProgress: Another request has the key.
        KeyReused: It came with another request before.
    """
    key = _read_key(request)
    if key is None:
        with closing(receive()) as reception:
            return reception.begin(uuid.uuid4().hex), False
    return KeyedRequest(services, tenant, key).run(request, receive)


def _read_key(request: Request) -> str | None:
    given = request.headers.get(HEADER)
    if given is None:
        return None
    found = _KEY.fullmatch(given)
    if found is None:
        detail = "1 to 255 visible ASCII characters, without quotes and backslashes inside"
        raise InvalidRequest(f"{HEADER}: {detail}.", [{"field": HEADER, "detail": detail}])
    return found["key"]


def _fingerprint(request: Request, reception: Reception) -> str:
    """Return a digest of what was asked; equal ones ask for the same."""
    query = request.query_string.decode("latin-1")
    asked = [request.method, request.path, query, reception.content]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _in_progress() -> KeyInProgress:
    return KeyInProgress(
        f"A request with this {HEADER} is in progress; ask again in a moment for its answer."
    )
