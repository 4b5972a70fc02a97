"""kombu's Redis transport, with what it delivers held by leases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.transport import virtual
from kombu.transport.redis import Channel, QoS, Transport

from worker.delivery.leases import Lease, Leases
from worker.delivery.messages import Delivered


class LeasedMessage(virtual.Message):
    """A delivered message that is settled by its lease, once, from any thread, and without fail.

    kombu's own goes through the channel that delivered it, which is closed after an
    outage, and what it raises ends the worker.
    """

    # Both kombu's own, which its published types leave out.
    channel: Any
    _state: Any
    # None before it is held.
    lease: Lease | None = None

    def ack(self, multiple: bool = False) -> None:  # noqa: ARG002 kombu's name
        """Settle it."""
        self._state = "ACK"
        if self.lease is not None:
            self.channel.leases.settle(self.lease)

    def reject(self, requeue: bool = False) -> None:
        """Put it behind all others in its queue, or drop it."""
        if not requeue:
            self.ack()
        elif self.lease is not None:
            self._state = "REQUEUED"
            self.channel.leases.give_back(self.lease, last=True)

    def requeue(self) -> None:
        """Put it behind all others in its queue."""
        self.reject(requeue=True)


class LeasedQoS(QoS):
    """Asks the leases how much may be taken, and tells them what was delivered.

    kombu counts for each channel anew, and forgets what an earlier one delivered.
    """

    channel: Any

    def can_consume(self) -> bool:
        """Return whether this process holds less than it may."""
        leases: Leases = self.channel.leases
        return leases.has_room(self.prefetch_count)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Hold a message that was delivered."""
        info = message.delivery_info
        message.lease = self.channel.leases.hold(
            # What is sent to a queue by its name has that name for its routing key.
            Delivered(delivery_tag, info["routing_key"], message._raw, info["exchange"])
        )

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 kombu's names
        """Look for what others abandoned."""
        self.channel.leases.give_back_abandoned()


class LeasedChannel(Channel):
    """A channel whose messages outlive neither their tasks nor a failure to take them in."""

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
        """Consume a queue; a message that could not be taken in goes back."""

        def take_in(message: LeasedMessage) -> Any:
            try:
                return callback(message) if callback else None
            except BaseException:
                message.requeue()
                raise

        tag: str = super().basic_consume(queue, no_ack, take_in, consumer_tag, **kwargs)
        return tag

    def _queue_bind(self, *_: Any) -> None:
        """Note no binding: tasks are sent to a queue by its name, and to no exchange.

        A Redis that is full would refuse it, and with it the consumer that comes back.
        """


class LeasedTransport(Transport):
    """A transport that puts back, before all others, what came for no consumer."""

    # kombu's own, whose published types know no channels of ours.
    channels: Any

    def _reject_inbound_message(self, raw_message: dict[str, Any]) -> None:
        channel = self.channels[0]
        message = channel.Message(raw_message, channel=channel)
        channel.qos.append(message, message.delivery_tag)
        channel.leases.give_back(message.lease)


def leased_transport(leases: Leases) -> type[Transport]:
    """Return a transport whose deliveries these leases hold."""
    channel = type("Channel", (LeasedChannel,), {"leases": leases})
    return type("Transport", (LeasedTransport,), {"Channel": channel})
