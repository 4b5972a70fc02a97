"""The interface of a dispatcher."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from common.broker.prepared import PreparedTask
from common.broker.queues import QueueDepth
from common.contract import Message

TaskState = Literal["queued", "running", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A task's state, and its result once it has succeeded."""

    state: TaskState
    value: Any = None

    @property
    def done(self) -> bool:
        """Whether the state is final."""
        return self.state in ("succeeded", "failed")


class Listener(Protocol):
    """Receives the result of one task; every method raises ``BrokerUnavailable``."""

    def wait(self, timeout_s: float) -> TaskResult:
        """Wait until the task is done or the timeout expires; return its state and result."""
        ...


class Dispatcher(Protocol):
    """Sends tasks by name and reads their results; every method raises ``BrokerUnavailable``."""

    def prepare(
        self, task: str, queue: str, task_id: str, message: Message, *, first: bool = False
    ) -> PreparedTask:
        """Return a task for a queue of the model that runs such tasks now.

        Args:
            task: A task name from ``common.contract``.
            queue: One of ``PURPOSES``.
            task_id: Chosen by the caller; the result is stored under it.
            message: The payload.
            first: Whether it has the first images of a tenant that had none waiting.
        """
        ...

    def send(
        self, task: str, queue: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Send a task to a queue of the model that runs such tasks now.

        Args:
            task: A task name from ``common.contract``.
            queue: One of ``PURPOSES``.
            task_id: Chosen by the caller; the result is stored under it.
            message: The payload.
            expires_s: Seconds until the task expires; None for never.
        """
        ...

    def send_to(self, name: str, task: str, task_id: str, message: Message) -> None:
        """Send a task to the queue of this name, whose model need not be active."""
        ...

    def result(self, task_id: str) -> TaskResult:
        """Return a task's state and result; an unknown task counts as queued."""
        ...

    def listen(self, task_id: str) -> AbstractContextManager[Listener]:
        """Listen for a task's result during a block, in which the task is sent."""
        ...

    def wait(self, task_id: str, timeout_s: float) -> TaskResult:
        """Wait as a listener does, for a task that was sent before."""
        ...

    def keep(self, task_id: str, ttl_s: int) -> None:
        """Keep a task's result for this many seconds from now; does nothing if there is none."""
        ...

    def forget(self, task_id: str) -> None:
        """Delete a task's result; does nothing if there is none."""
        ...

    def depths(self) -> list[QueueDepth]:
        """Return the numbers of waiting and delivered tasks of each purpose."""
        ...
