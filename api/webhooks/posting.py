"""One request to a receiver, and its redirects."""

from __future__ import annotations

import email.utils
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse

from api.webhooks.connecting import (
    Deadline,
    NotAllowed,
    Resolve,
    checked_addresses,
    connected,
)
from common.webhooks.networks import Network
from common.webhooks.url import Endpoint, redirected

# Redirects that keep method and body; others would turn the request into a GET.
_FOLLOWED = {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
_REDIRECTS_MAX = 3
# Bytes of a response's body that are read, and thrown away.
_RESPONSE_BYTES_MAX = 64 * 1024
# The error of an attempt at a private address.
NOT_ALLOWED = "The address is not public, and the service's operator has not allowed it."


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered, or why it did not.

    Attributes:
        status: The status; None without an answer.
        error: A sentence; None if the message was accepted.
        retry_after_s: The pause that the receiver asks for.
    """

    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None


class Poster:
    """Posts messages to receivers.

    Args:
        allowed: Networks that may be reached although they are not public.
        timeout_s: Seconds for a request, with its redirects and its answer.
        resolve: Returns the addresses of a name.
    """

    def __init__(self, allowed: Sequence[Network], timeout_s: float, resolve: Resolve) -> None:
        self._allowed = allowed
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._tls = ssl.create_default_context()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a message; never raises because of the receiver."""
        deadline = Deadline(self._timeout_s)
        try:
            for _ in range(_REDIRECTS_MAX + 1):
                reply, location = self._post_once(url, body, headers, deadline)
                if location is None:
                    return reply
                url = redirected(url, location)
        except NotAllowed:
            return Reply(error=NOT_ALLOWED)
        except TimeoutError:
            return Reply(error=f"No answer within {self._timeout_s:g} s.")
        except (OSError, HTTPException) as error:
            return Reply(error=self._reason(error, deadline))
        except ValueError as error:
            return Reply(error=f"It redirects to where no webhook is sent: {error}.")
        return Reply(error=f"It redirects more than {_REDIRECTS_MAX} times.")

    def _post_once(
        self, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline
    ) -> tuple[Reply, str | None]:
        """Return what a URL answers, and where it redirects to."""
        endpoint = Endpoint.of(url)
        addresses = checked_addresses(endpoint, self._allowed, self._resolve)
        with connected(endpoint, addresses, deadline, self._tls) as connection:
            connection.request("POST", endpoint.target, body, dict(headers))
            response = connection.getresponse()
            # A connection that was shut down looks like the end of the headers.
            deadline.left_s()
            # So that the receiver does not see a broken connection.
            with suppress(OSError, HTTPException):
                response.read(_RESPONSE_BYTES_MAX)
            location = response.getheader("Location") if response.status in _FOLLOWED else None
            return _read(response), location

    def _reason(self, error: Exception, deadline: Deadline) -> str:
        """Say why there was no answer, without what a stranger sent."""
        try:
            deadline.left_s()
        except TimeoutError:
            return f"No answer within {self._timeout_s:g} s."
        if isinstance(error, HTTPException):
            return "The answer is not valid HTTP."
        return f"No connection: {error.strerror or error}."  # type: ignore[attr-defined]


def _read(response: HTTPResponse) -> Reply:
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Reply(status)
    error = f"The receiver answered {status}."
    return Reply(status, error, _retry_after_s(response.getheader("Retry-After")))


def _retry_after_s(text: str | None) -> float | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None
