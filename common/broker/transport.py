"""kombu's Redis transport, with connections made like all others of the service."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from kombu.transport.redis import Channel, Transport

from common.redis_address import RedisAddress
from common.redis_client import connection_kind, open_pool


class BrokerChannel(Channel):
    """A channel that connects to an address, encrypted or through sentinels as it says.

    kombu's own way takes the address apart into a URL and three groups of options, with defaults
    that do not verify certificates.
    """

    address: ClassVar[RedisAddress]
    # kombu's; its published types leave them out.
    _sentinel_manager: Any
    _async_sentinel_manager: Any
    _connparams: Callable[[bool], dict[str, Any]]

    def _get_pool(self, asynchronous: bool = False) -> Any:
        # A class that tells kombu's event loop when a connection ends.
        kind = self._connparams(asynchronous)["connection_class"]
        pool: Any = open_pool(self.address, kind=kind)
        # kombu closes its connections together with the pool.
        sentinels = getattr(pool, "sentinel_manager", None)
        if asynchronous:
            self._async_sentinel_manager = sentinels
        else:
            self._sentinel_manager = sentinels
        return pool

    def _queue_bind(self, *_: Any) -> None:
        """Store no binding: tasks are sent directly to queues, without an exchange.

        If Redis is full, it would refuse the write, and a consumer could not reconnect.
        """


def broker_transport(
    address: RedisAddress,
    channel: type[BrokerChannel] = BrokerChannel,
    transport: type[Transport] = Transport,
    **attributes: Any,
) -> type[Transport]:
    """Return a transport class that connects to an address.

    Args:
        address: Where Redis is.
        channel: The class of its channels.
        transport: Its base class.
        attributes: Attributes of the channels.
    """
    attributes |= {"address": address, "connection_class": connection_kind(address)}
    made = type("Channel", (channel,), attributes)
    return type("Transport", (transport,), {"Channel": made})


# One class per address: kombu shares the connections of a process by transport.
sender_transport = cache(broker_transport)
