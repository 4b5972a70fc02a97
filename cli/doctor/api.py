"""Checks the API: readiness, and who may use it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from common.findings import Finding, Part
from common.loopback import is_loopback
from glimpse_client import ClientError, Glimpse, NotAllowed

_PART = Part("api")


def look(client: Glimpse, has_keys: bool | None) -> Iterator[Finding]:
    """Yield what there is to say about the API.

    Args:
        client: Connects to it.
        has_keys: Whether the service has API keys; None if Redis did not tell.
    """
    try:
        awaited = client.awaited()
    except ClientError as error:
        yield _PART.error("ready", str(error))
        return
    if awaited:
        yield _PART.error(
            "ready", f"{client.url}: {awaited}", "See the findings about these parts."
        )
    else:
        yield _PART.ok("ready", f"The API at {client.url} is ready.")
    if has_keys is not None:
        yield _access(client, has_keys)


def _access(client: Glimpse, has_keys: bool) -> Finding:
    try:
        client.check([])
    except NotAllowed as error:
        return _PART.warning(
            "access", error.detail, "Set GLIMPSE_API_KEY to a key: `glimpse keys create NAME`."
        )
    except ClientError as error:
        return _PART.error("access", str(error), "See the API's log.")
    if has_keys:
        return _PART.ok("access", "The API requires a key, and accepts GLIMPSE_API_KEY.")
    if is_loopback(urlsplit(client.url).hostname or ""):
        return _PART.ok("access", "There are no keys: programs on this machine have full access.")
    return _PART.error(
        "access",
        f"There are no keys: everyone who can reach {client.url} has full access.",
        "Create one: `glimpse keys create NAME`.",
    )
