"""Checks the API: readiness, and who may use it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from common.findings import Finding, Part
from common.loopback import is_loopback
from glimpse_client import ClientError, Glimpse, NotAllowed

_PART = Part("api")


def look(
    client: Glimpse, has_keys: bool | None, relayed: Glimpse, create_key: str
) -> Iterator[Finding]:
    """Yield what there is to say about the API.

    Args:
        client: Connects to it.
        relayed: Connects to it through a ``Relay``, without a key.
        has_keys: Whether the service has API keys; None if Redis did not tell.
        create_key: The command that creates a key.
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
        yield _access(client, has_keys, relayed, create_key)
    yield _proxies(client)


def _proxies(client: Glimpse) -> Finding:
    """Return whether the API believes as many proxies as a request comes through."""
    try:
        seen = client.connection()
    except ClientError as error:
        return _PART.warning(
            "proxies", f"Not checked: {error}", "Set GLIMPSE_API_KEY to a key with scope admin."
        )
    if seen.forwarded > seen.proxy_hops:
        return _PART.warning(
            "proxies",
            f"Requests come through {seen.forwarded} proxies, and GLIMPSE_PROXY_HOPS is"
            f" {seen.proxy_hops}: rate limits and logs take {seen.address} for the caller.",
            f"Set GLIMPSE_PROXY_HOPS={seen.forwarded} if all of these proxies are yours.",
        )
    if seen.forwarded < seen.proxy_hops:
        return _PART.warning(
            "proxies",
            f"GLIMPSE_PROXY_HOPS is {seen.proxy_hops}, and a request to {client.url} came through"
            f" {seen.forwarded}: whoever reaches the API past a proxy can pretend to be anybody.",
            "Let only the proxies reach the API's port, and run this with their address as"
            " GLIMPSE_URL. Without proxies, set GLIMPSE_PROXY_HOPS=0.",
        )
    return _PART.ok("proxies", f"Requests come through {seen.forwarded} proxies, as configured.")


def _access(client: Glimpse, has_keys: bool, relayed: Glimpse, create_key: str) -> Finding:
    try:
        client.check([])
    except NotAllowed as error:
        return _PART.warning(
            "access", error.detail, f"Set GLIMPSE_API_KEY to a key: `{create_key}`."
        )
    except ClientError as error:
        return _PART.error("access", str(error), "See the API's log.")
    if has_keys:
        return _PART.ok("access", "The API requires a key, and accepts GLIMPSE_API_KEY.")
    if is_loopback(urlsplit(client.url).hostname or ""):
        return _openness(relayed, create_key)
    return _PART.error(
        "access",
        f"There are no keys: everyone who can reach {client.url} has full access.",
        f"Create one: `{create_key}`.",
    )


def _openness(relayed: Glimpse, create_key: str) -> Finding:
    """Return whether other machines have access too, of an API without keys."""
    try:
        relayed.check([])
    except NotAllowed:
        return _PART.ok("access", "There are no keys: programs on this machine have full access.")
    except ClientError as error:
        return _PART.error("access", str(error), "See the API's log.")
    return _PART.warning(
        "access",
        "There are no keys, and GLIMPSE_OPEN_TO is network: every machine that can reach the API"
        " has full access.",
        f"Create a key: `{create_key}`. Or let no other machine reach its port.",
    )
