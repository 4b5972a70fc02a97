"""What a stack waits for as it starts: that Redis answers, and that the API is ready."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from cli.errors import PartFailed
from cli.stack.model import active_model
from common.errors import BrokerUnavailable
from common.redis.address import RedisAddress

# Seconds after which is said what Redis lacks.
_SAY_S = 1.0


class Broker:
    """Asks Redis for the active model, and says why it does not answer if that takes long.

    Args:
        address: Where Redis is.
        limit_s: Seconds it has to answer.
        say: Called with what is awaited, when that changes.
    """

    def __init__(self, address: RedisAddress, limit_s: float, say: Callable[[str], None]) -> None:
        self._address = address
        self._limit_s = limit_s
        self._waiting = _Waiting(say)
        self._since = time.monotonic()
        # Known once Redis answers; None before the first start.
        self.active: str | None = None

    async def __call__(self) -> bool:
        """Return whether Redis answers; raises ``PartFailed`` if it has not for too long."""
        try:
            self.active = active_model(self._address)
        except BrokerUnavailable as error:
            self._explain(str(error))
            return False
        return True

    def _explain(self, reason: str) -> None:
        waited_s = time.monotonic() - self._since
        if waited_s > self._limit_s:
            raise PartFailed(f"Redis did not answer within {self._limit_s:g} s. {reason}")
        if waited_s > _SAY_S:
            self._waiting.say(reason)


class Readiness:
    """Asks the API whether the stack is ready, and logs what is missing when that changes."""

    def __init__(self, client: httpx.AsyncClient, url: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._url = url
        self._waiting = _Waiting(say)

    async def __call__(self) -> bool:
        """Return whether it is."""
        awaited = await self._ask()
        self._waiting.say(awaited)
        return not awaited

    async def _ask(self) -> str:
        """Return what is awaited, or an empty string when the stack is ready."""
        try:
            response = await self._client.get(f"{self._url}/readyz?for=all")
        except httpx.TransportError:
            return "the API does not answer yet"
        if response.is_success:
            return ""
        try:
            return str(response.json()["detail"])
        except (ValueError, KeyError, TypeError):
            return f"the API answers with status {response.status_code}"


class _Waiting:
    """Says what is awaited when that changes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._awaited = ""

    def say(self, awaited: str) -> None:
        """Say it; an empty string is nothing."""
        if awaited and awaited != self._awaited:
            self._say(f"waiting: {awaited}")
        self._awaited = awaited
