"""The address of the server: given, or from the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import httpx

from glimpse_client.errors import InvalidAddress

# Where `glimpse up` listens by default.
_DEFAULT_URL = "http://127.0.0.1:8000"


def address_of(url: str | None) -> str:
    """Return the address of the server; that of ``GLIMPSE_URL`` if none is given.

    Raises:
        InvalidAddress: It is not an HTTP URL.
    """
    address = (os.environ.get("GLIMPSE_URL") or _DEFAULT_URL) if url is None else url
    name = "GLIMPSE_URL" if url is None else "The server's address"
    if not address.startswith(("http://", "https://")):
        raise InvalidAddress(f"{name} is {address!r}; it must begin with http:// or https://.")
    try:
        _check(address)
    except (ValueError, httpx.InvalidURL) as error:
        raise InvalidAddress(
            f"{name} is {address!r}, which is not a valid URL: {error}."
        ) from error
    return address


def _check(address: str) -> None:
    # Each parser accepts some addresses that the other rejects; the first checks ports if asked.
    parts, _ = urlsplit(address), httpx.URL(address)
    if not parts.hostname or parts.port == 0:
        raise ValueError("it needs a host, and a port other than 0")
    if parts.query or parts.fragment:
        raise ValueError("requests add a path, so it cannot have a query or a fragment")
