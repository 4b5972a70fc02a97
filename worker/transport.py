"""kombu's Redis transport, with what it delivers held by leases."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from kombu.transport import virtual
from kombu.transport.redis import Channel, QoS, Transport

from worker.leases import Leases

log = logging.getLogger(__name__)


class LeasedQoS(QoS):
    """Tells the leases what was delivered and what became of it."""

    leases: Leases
    # kombu's own, which its published types leave out.
    channel: Any
    _on_collect: Any
    _remove_from_indices: Any

    def append(self, message: Any, delivery_tag: str) -> None:
        """Hold a message that was delivered."""
        super().append(message, delivery_tag)
        self.leases.hold(delivery_tag, partial(self._put_back, delivery_tag))

    def ack(self, delivery_tag: str) -> None:
        """Settle a message, unless it was given back: then it may be another's by now."""
        held = self.leases.release(delivery_tag)
        try:
            if held:
                self._remove_from_indices(delivery_tag).execute()
        except self.channel.connection_errors as error:
            log.warning("lease.not_acknowledged tag=%s %s", delivery_tag, error)
            self.leases.finish(delivery_tag)
        self._forget(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Put a message back or drop it, unless it was given back already."""
        if requeue:
            self.leases.give_back(delivery_tag, last=True)
            self._forget(delivery_tag)
        else:
            self.ack(delivery_tag)

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Look for what others abandoned, once they had time to renew after an outage."""
        if self.leases.steady():
            super().restore_visible(*args, **kwargs)

    def restore_unacked_once(self, stderr: Any = None) -> None:  # noqa: ARG002 kombu's name
        """Keep what is in hand: a broken connection does not end the work on it.

        kombu would put back all that this connection delivered, and another
        worker would start what still runs here.
        """
        self._on_collect.cancel()

    def _put_back(self, delivery_tag: str, last: bool) -> None:
        # Consumers take from the right end of the list, which kombu calls the rightmost.
        self.restore_by_tag(delivery_tag, leftmost=last)

    def _forget(self, delivery_tag: str) -> None:
        """Free the message's place among those that this consumer may hold."""
        virtual.QoS.ack(self, delivery_tag)


def leased_transport(leases: Leases) -> type[Transport]:
    """Return a transport whose deliveries these leases hold."""
    qos = type("QoS", (LeasedQoS,), {"leases": leases})
    channel = type("Channel", (Channel,), {"QoS": qos})
    return type("Transport", (Transport,), {"Channel": channel})
