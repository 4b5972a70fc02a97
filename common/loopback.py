"""Addresses that only this machine reaches."""

from __future__ import annotations

import functools
import ipaddress

# Addresses whose answer is remembered: callers and names of this service are few, and asked
# after in every request.
_REMEMBERED = 256


@functools.lru_cache(_REMEMBERED)
def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address, or is behind it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
