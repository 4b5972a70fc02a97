"""A task that is ready to be put into its queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PreparedTask:
    """A task that is ready to be put into its queue.

    Attributes:
        queue: The name of the queue.
        message: The task's message, as the queue holds it.
        put: Puts the message into the queue; raises ``BrokerUnavailable``.
    """

    queue: str
    message: str
    put: Callable[[], None]
