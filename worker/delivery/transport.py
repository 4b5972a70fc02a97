"""kombu's Redis transport, with leases that hold the delivered messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kombu.transport import virtual
from kombu.transport.redis import QoS, Transport

from common.broker.names import purpose_of
from common.broker.transport import BrokerChannel, broker_transport
from common.contract import SEARCH_TASKS
from common.redis.address import RedisAddress
from worker.delivery.leases import Lease, Leases
from worker.delivery.messages import Delivered
from worker.delivery.turns import Turns


class LeasedMessage(virtual.Message):
    """A delivered message that its lease settles, exactly once, from any thread.

    kombu's message uses the channel that delivered it, which is closed after an
    outage; the resulting error would end the worker.
    """

    # Both are kombu's; its published types leave them out.
    channel: Any
    _state: Any
    # None until the message is held.
    lease: Lease | None = None

    def ack(self, multiple: bool = False) -> None:  # noqa: ARG002 kombu's name
        """Settle the message."""
        self._state = "ACK"
        if self.lease is not None:
            self.channel.leases.settle(self.lease)

    def reject(self, requeue: bool = False) -> None:
        """Move the message to the end of its queue, or drop it."""
        if not requeue:
            self.ack()
        elif self.lease is not None:
            self._state = "REQUEUED"
            self.channel.leases.give_back(self.lease, last=True)

    def requeue(self) -> None:
        """Move the message to the end of its queue."""
        self.reject(requeue=True)


class LeasedQoS(QoS):
    """Limits deliveries by the number of leases, and hands deliveries over to them.

    kombu counts per channel, and forgets the messages that an earlier channel delivered.
    """

    channel: Any

    def can_consume(self) -> bool:
        """Return whether this process may hold another message; commands are not held."""
        if self.channel.active_fanout_queues:
            return True
        leases: Leases = self.channel.leases
        return leases.has_room(self.prefetch_count)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Hold a delivered message."""
        info = message.delivery_info
        message.lease = self.channel.leases.hold(
            # The routing key of a message sent directly to a queue is the queue's name.
            Delivered(delivery_tag, info["routing_key"], message._raw, info["exchange"]),
            briefly=message.headers.get("task") in SEARCH_TASKS,
        )

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 kombu's names
        """Requeue messages that other workers abandoned."""
        self.channel.leases.give_back_abandoned()


class LeasedChannel(BrokerChannel):
    """A channel that requeues messages which its consumer fails to accept."""

    leases: Leases
    Message = LeasedMessage
    QoS = LeasedQoS

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,
        callback: Callable[..., Any] | None,
        consumer_tag: str | None,
        **kwargs: Any,
    ) -> str:
        """Consume a queue; requeue a message if the callback fails."""

        def accept(message: LeasedMessage) -> Any:
            try:
                return callback(message) if callback else None
            except BaseException:
                message.requeue()
                raise

        tag: str = super().basic_consume(queue, no_ack, accept, consumer_tag, **kwargs)
        return tag


class LeasedTransport(Transport):
    """A transport that puts tasks without a consumer back, before all others."""

    # kombu's attribute; its published types do not allow for our channels.
    channels: Any

    def _reject_inbound_message(self, raw_message: dict[str, Any]) -> None:
        if raw_message["properties"]["delivery_info"]["exchange"]:
            # No task: a command that came after its consumer had stopped.
            return
        channel = self.channels[0]
        message = channel.Message(raw_message, channel=channel)
        channel.qos.append(message, message.delivery_tag)
        channel.leases.give_back(message.lease)


def leased_transport(
    address: RedisAddress, leases: Leases, held_max: Mapping[str, int]
) -> type[Transport]:
    """Return a transport class whose deliveries the given leases hold.

    Args:
        address: Where Redis is.
        leases: Hold the messages.
        held_max: Maximum number of messages held at once, by purpose; others have no such bound.
    """

    def is_full(queue: str) -> bool:
        purpose = purpose_of(queue)
        return purpose in held_max and leases.held_of(purpose) >= held_max[purpose]

    attributes = {"leases": leases, "queue_order_strategy": partial(Turns, is_full)}
    return broker_transport(address, LeasedChannel, LeasedTransport, **attributes)
