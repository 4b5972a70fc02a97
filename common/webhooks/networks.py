"""Which addresses webhooks may be sent to: public ones, and those that the operator allows."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What Python, in some versions, counts as public: addresses of protocols, and relays to 6to4.
_RESERVED = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
# What IPv6 has assigned to the public so far, and what of it is special or leads elsewhere:
# Teredo, benchmarks and others; documentation; 6to4; and documentation again.
_ASSIGNED = IPv6Network("2000::/3")
_SPECIAL = tuple(
    IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# IPv4 addresses as IPv6 networks without IPv4 reach them, through a translator (NAT64).
_TRANSLATED = IPv6Network("64:ff9b::/96")


def read_address(text: str) -> Address | None:
    """Return the address, a mapped one as IPv4; None if the text is a name."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address


def is_allowed(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Return whether a webhook may be sent to an address.

    Args:
        address: What ``read_address`` returned.
        allowed: Networks that may be reached although they are not public.
    """
    return _is_public(address) or any(address in network for network in allowed)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _TRANSLATED:
            return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        return address in _ASSIGNED and not any(address in special for special in _SPECIAL)
    is_special = address.is_multicast or any(address in network for network in _RESERVED)
    return address.is_global and not is_special
