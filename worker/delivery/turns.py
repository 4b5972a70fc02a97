"""The order in which a worker takes messages from its queues."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from common.broker.names import is_first


class Turns:
    """Takes from the queues in turns, and at every other turn the first images of a tenant.

    As in the packet scheduler FQ-CoDel (RFC 8290), a tenant without a backlog need not wait for
    those that have one, and a backlog still gets half of the turns. Its methods are those that
    kombu calls on a ``queue_order_strategy``.

    Args:
        is_full: Returns whether the worker may not hold another message of a queue.
    """

    def __init__(self, is_full: Callable[[str], bool]) -> None:
        self._is_full = is_full
        # The next one first.
        self._queues: list[str] = []

    def update(self, queues: Iterable[str]) -> None:
        """Set the queues."""
        self._queues = sorted(queues, key=lambda queue: (not is_first(queue), queue))

    def consume(self, count: int) -> list[str]:
        """Return up to ``count`` queues; a message comes from the first one that has any."""
        return [queue for queue in self._queues if not self._is_full(queue)][:count]

    def rotate(self, last_used: str) -> str:
        """Note that a message came from a queue, and return the queue."""
        rest = [queue for queue in self._queues if queue != last_used]
        # The sort is stable.
        rest.sort(key=lambda queue: not is_first(queue))
        if len(rest) < len(self._queues):
            self._queues = [*rest, last_used]
        return last_used
