"""Who may call which route: keys are asked for here, before anything else is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from flask import Flask, Response, request

from api.auth.caller import Caller, current_caller, enter
from api.auth.key_cache import KeyCache
from api.auth.local_requests import is_from_here
from api.http.operations import Operation
from api.services import services_of
from common.contract import DEFAULT_TENANT
from common.errors import Forbidden, NoKeys, Unauthorized
from common.keys.base import SCOPES, Scope
from common.keys.token import Token
from common.redis_time import Clock
from common.settings import Settings

# What is said to those who send no key, and to those whose key opens nothing. The latter is one
# answer for all that may be the matter: who tries keys learns nothing.
_MISSING = (
    "Send a key as Authorization: Bearer KEY; the command line takes it from GLIMPSE_API_KEY."
    " Whoever runs the service makes one with `glimpse keys create`."
)
_WRONG = "The key is wrong, revoked or expired."

_EXTENSION = "glimpse.key_cache"


def install(app: Flask, settings: Settings, operations: Mapping[str, Operation]) -> None:
    """Let every request show its key, and have the scope that its route asks for.

    Args:
        app: The application.
        settings: To whom the service is open without keys, and how long keys are kept.
        operations: Its routes by their endpoints; one that is missing needs ``admin``.
    """
    ring = KeyCache(lambda: services_of(app).keys, settings.key_cache_s)
    app.extensions[_EXTENSION] = ring

    def needed() -> Scope | None:
        # Without an endpoint it is a 404 or a 405, which tells nothing of anybody.
        if not request.endpoint:
            return None
        operation = operations.get(request.endpoint)
        return operation.scope if operation else "admin"

    def is_open_here() -> bool:
        operation = operations.get(request.endpoint or "")
        is_offered = operation is not None and operation.is_open_here
        return is_offered and settings.open_to != "nobody" and is_from_here(request)

    @app.before_request
    def authorize() -> None:
        scope = needed()
        if scope is None or is_open_here():
            return
        enter(_identify(ring, services_of(app).clock, settings))
        if scope not in current_caller().scopes:
            raise Forbidden(f"The key lacks the scope {scope!r}, which this call needs.")

    @app.after_request
    def vary(response: Response) -> Response:
        if needed() is not None:
            # What a browser keeps of one key's answers is not for the next one.
            response.vary.add("Authorization")
        return response


def still_welcome(app: Flask, caller: Caller) -> Callable[[], None]:
    """Return what looks again whether a caller is let in, for answers that last.

    It may be called when the request is over, and raises ``Unauthorized`` once the key
    is revoked or expired, or the first key was made where there were none; and
    ``BrokerUnavailable`` where nobody knows.
    """
    ring, clock = cast("KeyCache", app.extensions[_EXTENSION]), services_of(app).clock

    def look_again() -> None:
        if caller.key_id is None:
            if ring.exist():
                raise Unauthorized(_MISSING)
            return
        key = ring.find(caller.key_id)
        if key is None or not key.is_valid(clock.now()):
            raise Unauthorized(_WRONG)

    return look_again


def _identify(ring: KeyCache, clock: Clock, settings: Settings) -> Caller:
    """Return who makes the request.

    Raises:
        Unauthorized: Its key is missing, wrong, revoked or expired.
        NoKeys: There are no keys, and the service is not open to where it came from.
        BrokerUnavailable: Nobody knows.
    """
    token = _token()
    if token is not None:
        return _owner(ring, token, clock)
    if ring.exist():
        raise Unauthorized(_WRONG if "Authorization" in request.headers else _MISSING)
    if settings.open_to == "network" or (settings.open_to == "loopback" and is_from_here(request)):
        return Caller(DEFAULT_TENANT, frozenset(SCOPES))
    raise NoKeys(
        "This service has no keys, and without any it is not open to where this request came"
        " from. Make one with `glimpse keys create`, or set GLIMPSE_OPEN_TO=network if everybody"
        " who can reach it may do everything."
    )


def _token() -> Token | None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return Token.read(given.strip()) if scheme.lower() == "bearer" else None


def _owner(ring: KeyCache, token: Token, clock: Clock) -> Caller:
    key, now = ring.find(token.key_id), clock.now()
    if key is None or not token.opens(key) or not key.is_valid(now):
        raise Unauthorized(_WRONG)
    ring.note_use(key, now)
    return Caller(key.tenant, key.scopes, key.id)
