"""Loopback addresses, which only this machine can reach."""

from __future__ import annotations

import functools
import ipaddress

# Number of cached results: every request checks an address, and the service has few callers and
# host names.
_CACHED = 256


@functools.lru_cache(_CACHED)
def is_loopback(host: str) -> bool:
    """Return whether a host is ``localhost`` or a loopback address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
