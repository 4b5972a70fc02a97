"""kombu's Redis transport, with connections made like all others of the service."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from kombu.transport.redis import Channel, QoS, Transport
from kombu.utils.json import dumps

from common.broker.remote_control import REPLY_S, is_reply_queue, reply_queue
from common.redis.address import RedisAddress
from common.redis.client import connection_kind, open_pool


class BrokerQoS(QoS):
    """Requeues no abandoned messages: that is left to the workers' leases."""

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


class BrokerChannel(Channel):
    """A channel that connects to an address, encrypted or through sentinels as it says.

    kombu's own way takes the address apart into a URL and three groups of options, with defaults
    that do not verify certificates.

    It stores no bindings of queues to exchanges. Tasks are sent directly to queues, the messages of
    remote control and events are published, and the queue of a reply has a known name. If Redis
    were full, it would refuse to write a binding, and a consumer could not reconnect; and an idle
    worker would renew the binding of its control queue every few seconds.
    """

    QoS: type[QoS] = BrokerQoS
    address: ClassVar[RedisAddress]
    # kombu's; its published types leave them out.
    _fanout_queues: dict[str, tuple[str, str]]
    keyprefix_fanout: str
    _sentinel_manager: Any
    _async_sentinel_manager: Any
    _connparams: Callable[[bool], dict[str, Any]]

    def _get_pool(self, asynchronous: bool = False) -> Any:
        # Redis's channels belong to all of its databases.
        self.keyprefix_fanout = self.keyprefix_fanout.format(db=self.address.db)
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

    def _queue_bind(self, exchange: str, routing_key: str, _: str, queue: str) -> None:
        """Note which exchange's messages a queue receives, if they are published."""
        if self.typeof(exchange).type == "fanout":
            self._fanout_queues[queue] = (exchange, routing_key.replace("#", "*"))

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        """Return the queues that receive a message."""
        if (queue := reply_queue(exchange, routing_key)) is not None:
            return [queue]
        return list(super()._lookup(exchange, routing_key, default))

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        """Put a message into a queue; unread replies expire."""
        if not is_reply_queue(queue):
            super()._put(queue, message, **kwargs)
            return
        with self.conn_or_acquire() as client, client.pipeline() as pipe:
            pipe.lpush(queue, dumps(message))
            pipe.expire(queue, REPLY_S)
            pipe.execute()

    def _delete(self, queue: str, *_: Any, **kwargs: Any) -> None:
        """Delete a queue's messages; those of a fanout queue are not stored."""
        if queue not in self._fanout_queues:
            with self.conn_or_acquire(kwargs.get("client")) as client:
                client.delete(queue)

    def maybe_refresh_binding_expiry(self) -> None:
        """Do nothing: no bindings are stored."""


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
