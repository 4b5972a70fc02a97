"""Authorization: who may call which route, decided before anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from flask import Flask, Request, Response, request

from api.auth.caller import Caller, caller_or_none, current_caller, enter
from api.auth.key_cache import KeyCache
from api.auth.local_requests import is_from_here
from api.http.operations import Operation
from common.contract import DEFAULT_TENANT
from common.errors import BrokerUnavailable, Forbidden, NoKeys, Unauthorized
from common.keys.base import SCOPES, Keys, Scope
from common.keys.command import CREATE_KEY
from common.keys.token import Token
from common.redis.time import Clock
from common.settings import Settings

_MISSING = (
    "Send a key as Authorization: Bearer KEY; the command line reads it from GLIMPSE_API_KEY."
    f" The service's operator creates keys with `{CREATE_KEY}`."
)
# One answer for every reason, so that guessing keys reveals nothing.
_WRONG = "The key is wrong, revoked or expired."

_EXTENSION = "glimpse.authorization"
# Header of every response to a known caller: its scopes. The page hides what they do not permit.
SCOPES_HEADER = "Glimpse-Scopes"


@dataclass(frozen=True, slots=True)
class Authorization:
    """Finds out who calls.

    Args:
        keys: The service's keys.
        clock: The clock by which keys expire.
        open_to: Who may call while the service has no keys, as ``Settings.open_to``.
    """

    keys: KeyCache
    clock: Clock
    open_to: str

    def identify(self, request: Request) -> Caller:
        """Return who makes a request.

        Raises:
            Unauthorized: Its key is missing, wrong, revoked or expired.
            NoKeys: There are no keys, and the service is not open to the request's origin.
            BrokerUnavailable: The keys cannot be read.
        """
        token = _token(request)
        if token is not None:
            return self._owner(token)
        if self.keys.exist():
            # A key without its scheme may be a good one, and is sent in the wrong way.
            raise Unauthorized(_WRONG if _scheme_and_rest(request)[0] == "bearer" else _MISSING)
        if self.open_to == "network" or (self.open_to == "loopback" and is_from_here(request)):
            return Caller(DEFAULT_TENANT, frozenset(SCOPES))
        raise NoKeys(
            "This service has no keys, and without keys it is not open to where this request came"
            f" from. Create a key with `{CREATE_KEY}`, or set GLIMPSE_OPEN_TO=network to let"
            " everyone who can reach the service do everything."
        )

    def check_again(self, caller: Caller) -> None:
        """Check that a caller may still call, for responses that last.

        Raises:
            Unauthorized: The key was revoked or has expired, or the first key was created.
            BrokerUnavailable: The keys cannot be read.
        """
        if caller.key_id is None:
            if self.keys.exist():
                raise Unauthorized(_MISSING)
            return
        key = self.keys.find(caller.key_id)
        if key is None or not key.is_valid(self.clock.now()):
            raise Unauthorized(_WRONG)

    def _owner(self, token: Token) -> Caller:
        key, now = self.keys.find(token.key_id), self.clock.now()
        if key is None or not token.opens(key) or not key.is_valid(now):
            raise Unauthorized(_WRONG)
        self.keys.note_use(key, now)
        return Caller(key.tenant, key.scopes, key.id)


def install(
    app: Flask,
    settings: Settings,
    operations: Mapping[str, Operation],
    keys: Keys,
    clock: Clock,
    without_redis: Mapping[str, Callable[[], Response]],
) -> None:
    """Check the key and the scope of every request.

    Args:
        app: The application.
        settings: Who may call without keys, and how long keys are cached.
        operations: The routes by their endpoints; a missing one needs ``admin``.
        keys: The service's keys.
        clock: The clock by which they expire.
        without_redis: What answers while keys cannot be read, by the endpoints of routes for which
            that is no error; it tells nothing that needs a key.
    """
    authorization = Authorization(KeyCache(keys, settings.key_cache_s), clock, settings.open_to)
    app.extensions[_EXTENSION] = authorization

    def is_open_here() -> bool:
        operation = operations.get(request.endpoint or "")
        is_offered = operation is not None and operation.is_open_here
        return is_offered and settings.open_to != "nobody" and is_from_here(request)

    @app.before_request
    def authorize() -> Response | None:
        scope = _needed(operations)
        if scope is None or is_open_here():
            return None
        try:
            enter(authorization.identify(request))
        except BrokerUnavailable:
            answer = without_redis.get(request.endpoint or "")
            if answer is None:
                raise
            return answer()
        if scope not in current_caller().scopes:
            raise Forbidden(f"The key lacks the scope {scope!r}, which this call needs.")
        return None

    @app.after_request
    def vary(response: Response) -> Response:
        if _needed(operations) is not None:
            # A browser must not reuse one key's cached response for another key.
            response.vary.add("Authorization")
        caller = caller_or_none()
        if caller is not None:
            response.headers[SCOPES_HEADER] = " ".join(sorted(caller.scopes))
        return response


def key_check(app: Flask, caller: Caller) -> Callable[[], None]:
    """Return a function that calls ``check_again`` for a caller, also after the request."""
    authorization = cast("Authorization", app.extensions[_EXTENSION])
    return lambda: authorization.check_again(caller)


def _needed(operations: Mapping[str, Operation]) -> Scope | None:
    """Return the scope that the current request needs, or None if it needs no key."""
    # A request without an endpoint becomes a 404 or a 405, which reveals nothing.
    if not request.endpoint:
        return None
    operation = operations.get(request.endpoint)
    return operation.scope if operation else "admin"


def _token(request: Request) -> Token | None:
    scheme, given = _scheme_and_rest(request)
    return Token.read(given) if scheme == "bearer" else None


def _scheme_and_rest(request: Request) -> tuple[str, str]:
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower(), rest.strip()
